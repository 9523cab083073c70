package engine

import (
	"context"
	"errors"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/jackc/pgx/v5"
)

// TxEnd is how transactions end, and whether a request may choose.
type TxEnd uint8

// The ways in which transactions end.
const (
	TxCommit TxEnd = iota
	TxCommitAllowOverride
	TxRollback
	TxRollbackAllowOverride
)

func (t TxEnd) allowsOverride() bool {
	return t == TxCommitAllowOverride || t == TxRollbackAllowOverride
}

func (t TxEnd) rollsBack(prefer string) bool {
	if t.allowsOverride() && prefer != "" {
		return prefer == "rollback"
	}
	return t == TxRollback || t == TxRollbackAllowOverride
}

// Options are what differs between the engine's mounts.
type Options struct {
	// Schemas are the exposed schemas, the default first. ExposedSchemas, if
	// set, is asked instead at every reload.
	Schemas        []string
	ExposedSchemas func(ctx context.Context, conn *pgx.Conn) ([]string, error)
	// ExtraSearchPath follows the request's schema in the search path.
	ExtraSearchPath []string
	// AnonRole is the role whose refusals are 401 instead of 403.
	AnonRole string
	// MaxRows caps every read; 0 does not.
	MaxRows int64
	// Aggregates allows aggregate functions.
	Aggregates bool
	// PlanOutput allows the media type of execution plans.
	PlanOutput bool
	// AliasesOnly requires the alias of an embed that has one, not its name, in
	// filters, orders and limits.
	AliasesOnly bool
	// TxEnd is how transactions end.
	TxEnd TxEnd
	// PreRequest is called before every statement; the zero Name is none.
	PreRequest schema.Name
	// AppSettings are set in every transaction.
	AppSettings []schema.Setting
	// HoistedSettings are the settings of functions that apply to the whole
	// transaction; nil takes PostgREST's list.
	HoistedSettings []string
	// OpenAPI is how the root is described.
	OpenAPI OpenAPI
	// ServerTiming adds the Server-Timing header.
	ServerTiming bool
	// BareNotFound answers a write of columns to an unknown table with 404 and
	// {}, as PostgREST 12 does, instead of Postgres's 42P01.
	BareNotFound bool
	// TableNotFound answers requests for an unknown table with PGRST205, which
	// may hint at a table of a similar name, as PostgREST 13 does. It overrides
	// BareNotFound.
	TableNotFound bool
	// Errors is how much of an error clients see.
	Errors respond.Verbosity
	// DefaultContentType is assumed for a body without Content-Type.
	DefaultContentType request.Media
	// MaxBodyBytes bounds request bodies, MaxResultBytes results. Zero takes
	// the default.
	MaxBodyBytes, MaxResultBytes int64
	// TempDir holds results too large for memory; empty is the system's.
	TempDir string
	// AcquireTimeout bounds the wait for a connection; zero takes the default.
	AcquireTimeout time.Duration
}

// OpenAPIMode is which objects the root's document lists.
type OpenAPIMode uint8

// The modes.
const (
	// OpenAPIFollowPrivileges lists what the caller may use.
	OpenAPIFollowPrivileges OpenAPIMode = iota
	OpenAPIIgnorePrivileges
	OpenAPIDisabled
)

// OpenAPI configures the document at the root.
type OpenAPI struct {
	Mode OpenAPIMode
	// Security adds the definition of the bearer token.
	Security bool
	// Version is the version that the document gives.
	Version string
	// Scheme, Host and BasePath are where clients reach the engine.
	Scheme, Host, BasePath string
}

const (
	defaultMaxBody        = 100 << 20
	defaultMaxResult      = 8 << 30
	defaultAcquireTimeout = 10 * time.Second
)

func (o *Options) setDefaults() error {
	if len(o.Schemas) == 0 && o.ExposedSchemas == nil {
		return errors.New("engine: no schema is exposed")
	}
	if o.HoistedSettings == nil {
		o.HoistedSettings = []string{"statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"}
	}
	o.MaxBodyBytes = or(o.MaxBodyBytes, defaultMaxBody)
	o.MaxResultBytes = or(o.MaxResultBytes, defaultMaxResult)
	o.AcquireTimeout = or(o.AcquireTimeout, defaultAcquireTimeout)
	return nil
}

func or[T int64 | time.Duration](v, fallback T) T {
	if v > 0 {
		return v
	}
	return fallback
}

// Caller is who a request runs as.
type Caller struct {
	// Role is the database role.
	Role string
	// Claims is the JSON object that SQL sees as request.jwt.claims.
	Claims string
}

// Target is what a request is about, and how the mount wants it treated.
type Target struct {
	request.Target
	// Schema is the schema that the mount has chosen; empty leaves it to the
	// profile headers.
	Schema string
	// Query replaces the request's raw query string when HasQuery is set.
	Query    string
	HasQuery bool
	// Path is what SQL sees as request.path; empty is the plain one.
	Path string
	// As is the caller; nil takes the principal of the request's context.
	As *Caller
	// StripEmpty leaves out members of the body that are the empty string when
	// their column is not of a text type.
	StripEmpty bool
	// JSONOnly reads bodies of the type JSON, which must be objects or arrays;
	// a body of any other type is an empty object.
	JSONOnly bool
	// OKWithoutRows answers a POST that created no row with 200 instead of 201.
	OKWithoutRows bool
	// EmptyBody is the body of answers that have none, except 204.
	EmptyBody string
	// JWTDuration is how long verifying the caller took, for Server-Timing.
	JWTDuration time.Duration
	// OnSuccess is called after a successful answer was decided.
	OnSuccess func(Done)
}

// Done describes a request that succeeded.
type Done struct {
	Kind   request.Kind
	Schema string
	Name   string
}
