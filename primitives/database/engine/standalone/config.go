package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
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
	// Audience is whom tokens must be meant for; empty does not ask.
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
	// Unknown are settings that were given and do not exist.
	Unknown []string
}

// Read reads the settings PGRST_* of an environment, a list of name=value,
// over those of a configuration file; path may be empty. Every bad value is
// part of the error, named by its setting; no secret is.
func Read(environ []string, path string) (Config, error) {
	e, err := readSettings(environ, path)
	if err != nil {
		return Config{}, err
	}
	c := Config{
		DatabaseURI:    e.fileOrText("PGRST_DB_URI", "postgresql://"),
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
	}
	c.Address, c.AdminAddress = e.addresses()
	c.Engine = engine.Options{
		Schemas:         e.list("PGRST_DB_SCHEMAS", "public"),
		ExtraSearchPath: e.list("PGRST_DB_EXTRA_SEARCH_PATH", "public"),
		AnonRole:        c.AnonRole,
		MaxRows:         e.number("PGRST_DB_MAX_ROWS", 0),
		Aggregates:      e.flag("PGRST_DB_AGGREGATES_ENABLED", false),
		PlanOutput:      e.flag("PGRST_DB_PLAN_ENABLED", false),
		TxEnd:           e.txEnd("PGRST_DB_TX_END"),
		BareNotFound:    true,
		PreRequest:      parseName(e.text("PGRST_DB_PRE_REQUEST", "")),
		ServerTiming:    e.flag("PGRST_SERVER_TIMING_ENABLED", false),
		AcquireTimeout:  e.seconds("PGRST_DB_POOL_ACQUISITION_TIMEOUT", 10),
		OpenAPI:         e.openAPI(),
		AppSettings:     e.appSettings(),
		HoistedSettings: e.list("PGRST_DB_HOISTED_TX_SETTINGS",
			"statement_timeout, plan_filter.statement_cost_limit, default_transaction_isolation"),
	}
	if e.flag("PGRST_DB_CONFIG", true) {
		c.Engine.ExposedSchemas = engine.SchemasOfLogin(c.Engine.Schemas...)
	}
	if c.RoleClaim, err = parseClaimPath(e.text("PGRST_JWT_ROLE_CLAIM_KEY", ".role")); err != nil {
		e.errs = append(e.errs, err)
	}
	// These change nothing here, but their values are checked.
	e.flag("PGRST_DB_PREPARED_STATEMENTS", true)
	e.flag("PGRST_DB_POOL_AUTOMATIC_RECOVERY", true)
	e.number("PGRST_JWT_CACHE_MAX_LIFETIME", 0)
	if e.text("PGRST_DB_PRE_CONFIG", "") != "" {
		e.errs = append(e.errs, errors.New("PGRST_DB_PRE_CONFIG is not supported; give the settings in the environment or a file"))
	}
	c.Unknown = e.unknown()
	return c, errors.Join(e.errs...)
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
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			e.errs = append(e.errs, fmt.Errorf("PGRST_OPENAPI_SERVER_PROXY_URI must be an http or https URL, not %q", proxy))
			return o
		}
		o.Scheme, o.Host, o.BasePath = u.Scheme, u.Host, u.Path
		if u.Port() == "" {
			o.Host += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		}
	}
	return o
}
