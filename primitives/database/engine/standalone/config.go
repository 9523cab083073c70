package standalone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Config is PostgREST's configuration.
type Config struct {
	DatabaseURI string
	Engine      engine.Options
	// AnonRole runs requests without a token; empty refuses them.
	AnonRole string
	// RootSpec is the function that answers the root; the zero Name leaves it
	// to the engine.
	RootSpec schema.Name
	// RoleClaim is the path of the role in the token's claims.
	RoleClaim []string
	// JWTSecret is decoded, or the text of a JWK or JWK set; empty for none.
	// Audience is whom tokens must be meant for; empty accepts any.
	JWTSecret []byte
	Audience  string
	// Pool is the number of connections, PoolLifetime and PoolIdle how long
	// one is kept and kept unused.
	Pool                   int32
	PoolLifetime, PoolIdle time.Duration
	// Address is where to listen, unless UnixSocket names a path instead.
	Address    string
	UnixSocket string
	// UnixSocketMode is the permissions of that path.
	UnixSocketMode fs.FileMode
	// AdminAddress serves /live and /ready; empty does not.
	AdminAddress string
	// Origins are the allowed CORS origins; none means all.
	Origins []string
	// TraceHeader is a request header that is repeated in the answer.
	TraceHeader string
	// Listen reloads the schema on notifications of Channel.
	Listen  bool
	Channel string
	// LogLevel is crit, error, warn, info or debug.
	LogLevel string
	// Unknown are settings that were given but do not exist.
	Unknown []string
	// Effective are all settings in force, with secrets hidden.
	Effective []schema.Setting
	// Incomplete reports whether the database may hold settings that were not read.
	// A server refuses all requests then: they might be forbidden.
	Incomplete bool
	// PreConfig is the function that sets some of those; the zero Name is none.
	// If it fails, PreConfigFailed says why, and the settings lack its own,
	// unless PreConfigRequired makes that an error of reading them.
	PreConfig         schema.Name
	PreConfigRequired bool
	PreConfigFailed   error
}

// Read reads the settings PGRST_* of the environment over those of the file. The
// Config is incomplete unless db-config is off. Every bad value is part of the
// error, named by its setting; no secret is.
func (s *Sources) Read() (Config, error) {
	e, err := s.settings()
	if err != nil {
		return Config{}, err
	}
	return e.config()
}

// ReadAll reads the settings of the environment and the file, and over them
// those of the database unless db-config is off. The error is ErrUnreachable
// when the database cannot be asked.
func (s *Sources) ReadAll(ctx context.Context) (Config, error) {
	e, err := s.settings()
	if err != nil {
		return Config{}, err
	}
	c, err := e.config()
	if err != nil || !c.Incomplete {
		return c, err
	}
	inDatabase, err := c.inDatabase(ctx)
	var failed *preConfigError
	passedOver := errors.As(err, &failed) && !errors.Is(err, ErrUnreachable) && !c.PreConfigRequired
	if err != nil && !passedOver {
		return Config{}, err
	}
	if c, err = e.over(inDatabase).config(); err != nil {
		return Config{}, err
	}
	c.Incomplete = false
	if passedOver {
		c.PreConfigFailed = failed
	}
	return c, nil
}

func (e *settings) config() (Config, error) {
	c := Config{
		DatabaseURI:    databaseAddress(e.fileOrText("PGRST_DB_URI", "postgresql://")),
		AnonRole:       e.text("PGRST_DB_ANON_ROLE", ""),
		RootSpec:       parseName(e.text("PGRST_DB_ROOT_SPEC", "")),
		JWTSecret:      e.secret(),
		Audience:       e.audience(),
		Pool:           int32(e.number("PGRST_DB_POOL", 10)),
		PoolLifetime:   e.seconds("PGRST_DB_POOL_MAX_LIFETIME", 1800),
		PoolIdle:       e.seconds("PGRST_DB_POOL_MAX_IDLETIME", 30),
		UnixSocket:     e.text("PGRST_SERVER_UNIX_SOCKET", ""),
		UnixSocketMode: e.socketMode(),
		Origins:        e.list("PGRST_SERVER_CORS_ALLOWED_ORIGINS", ""),
		TraceHeader:    e.text("PGRST_SERVER_TRACE_HEADER", ""),
		Listen:         e.flag("PGRST_DB_CHANNEL_ENABLED", true),
		Channel:        e.text("PGRST_DB_CHANNEL", engine.Channel),
		LogLevel:       e.oneOf("PGRST_LOG_LEVEL", "error", "crit", "warn", "info", "debug"),
		Incomplete:     e.flag("PGRST_DB_CONFIG", true),
		PreConfig:      parseName(e.text("PGRST_DB_PRE_CONFIG", "")),

		PreConfigRequired: e.flag("PGRST_DB_PRE_CONFIG_REQUIRED", false),
	}
	c.Address, c.AdminAddress = e.addresses()
	c.Engine = engine.Options{
		Schemas:         e.schemas(),
		ExtraSearchPath: e.list("PGRST_DB_EXTRA_SEARCH_PATH", "public"),
		AnonRole:        c.AnonRole,
		MaxRows:         e.number("PGRST_DB_MAX_ROWS", 0),
		Aggregates:      e.flag("PGRST_DB_AGGREGATES_ENABLED", false),
		AliasesOnly:     !e.flag("PGRST_URL_USE_LEGACY_TARGET_NAMES", true),
		PlanOutput:      e.flag("PGRST_DB_PLAN_ENABLED", false),
		TxEnd:           e.txEnd("PGRST_DB_TX_END"),
		BareNotFound:    true,
		TableNotFound:   e.flag("PGRST_CLIENT_ERROR_TABLE_NOT_FOUND", false),
		Errors:          e.verbosity("PGRST_CLIENT_ERROR_VERBOSITY"),
		PreRequest:      parseName(e.text("PGRST_DB_PRE_REQUEST", "")),
		ServerTiming:    e.flag("PGRST_SERVER_TIMING_ENABLED", false),
		AcquireTimeout:  e.seconds("PGRST_DB_POOL_ACQUISITION_TIMEOUT", 10),
		TempDir:         tempDir(),
		OpenAPI:         e.openAPI(),
		AppSettings:     e.appSettings(),
		HoistedSettings: e.list("PGRST_DB_HOISTED_TX_SETTINGS",
			"statement_timeout, plan_filter.statement_cost_limit, default_transaction_isolation"),
	}
	var err error
	if c.RoleClaim, err = parseClaimPath(e.text("PGRST_JWT_ROLE_CLAIM_KEY", ".role")); err != nil {
		e.errs = append(e.errs, err)
	}
	e.withoutEffect()
	c.Unknown, c.Effective = e.unknown(), e.listing()
	return c, errors.Join(e.errs...)
}

// withoutEffect reads the settings that change nothing here, so that they are
// known and their values are checked. Where ignoring one would do harm, only
// the value that applies anyway is allowed.
func (e *settings) withoutEffect() {
	e.flag("PGRST_DB_PREPARED_STATEMENTS", true)
	e.flag("PGRST_DB_POOL_AUTOMATIC_RECOVERY", true)
	e.flag("PGRST_DB_TIMEZONE_ENABLED", true)
	e.flag("PGRST_LOG_QUERY", false)
	e.flag("PGRST_SERVER_OTEL_ENABLED", false)
	e.number("PGRST_JWT_CACHE_MAX_LIFETIME", 0)
	e.number("PGRST_JWT_CACHE_MAX_ENTRIES", 0)
}

func (e *settings) schemas() []string {
	const name = "PGRST_DB_SCHEMAS"
	all := e.list(name, "public")
	for _, s := range all {
		if s == "pg_catalog" || s == "information_schema" {
			e.complain(name, "does not allow schema %q", s)
		}
	}
	return all
}

// tempDir is where results larger than memory go: on disk, which the usual
// directory of temporary files may not be. Empty is the system's choice.
func tempDir() string {
	const onDisk = "/var/tmp"
	if os.Getenv("TMPDIR") != "" {
		return ""
	}
	f, err := os.CreateTemp(onDisk, "insforge-*")
	if err != nil {
		return ""
	}
	_ = f.Close() // it is empty
	if os.Remove(f.Name()) != nil {
		return ""
	}
	return onDisk
}

// addresses are where to listen, and where for the administrator.
func (e *settings) addresses() (server, admin string) {
	name := e.text("PGRST_SERVER_HOST", "!4")
	port := e.port("PGRST_SERVER_PORT", 3000)
	server = net.JoinHostPort(host(name), strconv.FormatInt(port, 10))
	adminHost := e.text("PGRST_ADMIN_SERVER_HOST", name)
	adminPort := e.port("PGRST_ADMIN_SERVER_PORT", -1)
	switch {
	case adminPort < 0:
		return server, ""
	case adminPort == port && port != 0:
		e.errs = append(e.errs, errors.New("PGRST_ADMIN_SERVER_PORT cannot be the same as PGRST_SERVER_PORT"))
	}
	return server, net.JoinHostPort(host(adminHost), strconv.FormatInt(adminPort, 10))
}

func (e *settings) txEnd(name string) engine.TxEnd {
	switch v := e.text(name, "commit"); v {
	case "commit":
		return engine.TxCommit
	case "commit-allow-override":
		return engine.TxCommitAllowOverride
	case "rollback":
		return engine.TxRollback
	case "rollback-allow-override":
		return engine.TxRollbackAllowOverride
	default:
		e.errs = append(e.errs, fmt.Errorf(
			"%s must be commit, commit-allow-override, rollback or rollback-allow-override, not %q", name, v))
		return engine.TxCommit
	}
}

func (e *settings) verbosity(name string) respond.Verbosity {
	if e.oneOf(name, "verbose", "minimal") == "minimal" {
		return respond.Minimal
	}
	return respond.Verbose
}

// host translates the names that PostgREST gives to all interfaces.
func host(name string) string {
	switch name {
	case "!4", "*4":
		return "0.0.0.0"
	case "!6", "*6", "*":
		return "::"
	}
	return name
}

func parseName(text string) schema.Name {
	if s, n, ok := strings.Cut(text, "."); ok {
		return schema.Name{Schema: s, Name: n}
	}
	return schema.Name{Name: text}
}

// openAPI reads how the root is described. The proxy's URL wins over the
// address of the server itself.
func (e *settings) openAPI() engine.OpenAPI {
	o := engine.OpenAPI{
		Security: e.flag("PGRST_OPENAPI_SECURITY_ACTIVE", false), Version: "12.2.12", Scheme: "http", BasePath: "/",
		Host: net.JoinHostPort(host(e.text("PGRST_SERVER_HOST", "!4")), e.text("PGRST_SERVER_PORT", "3000")),
	}
	switch v := e.text("PGRST_OPENAPI_MODE", "follow-privileges"); v {
	case "follow-privileges":
	case "ignore-privileges":
		o.Mode = engine.OpenAPIIgnorePrivileges
	case "disabled":
		o.Mode = engine.OpenAPIDisabled
	default:
		e.errs = append(e.errs, fmt.Errorf("PGRST_OPENAPI_MODE must be follow-privileges, ignore-privileges or disabled, not %q", v))
	}
	if proxy := e.text("PGRST_OPENAPI_SERVER_PROXY_URI", ""); proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil || !isProxy(u) {
			e.errs = append(e.errs, fmt.Errorf("PGRST_OPENAPI_SERVER_PROXY_URI must be an http or https URL, not %q", proxy))
			return o
		}
		o.Scheme, o.Host, o.BasePath = u.Scheme, u.Host, cmp.Or(u.Path, "/")
		if u.Port() == "" {
			o.Host += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		}
	}
	return o
}

// isProxy reports whether clients can reach the API at u, which has neither a user
// nor a query.
func isProxy(u *url.URL) bool {
	port, err := strconv.Atoi(cmp.Or(u.Port(), "80"))
	return err == nil && port > 0 && port < 1<<16 && u.Hostname() != "" && u.User == nil && u.RawQuery == "" &&
		(u.Scheme == "http" || u.Scheme == "https")
}
