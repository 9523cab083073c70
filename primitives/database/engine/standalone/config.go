package standalone

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Config is the part of PostgREST's configuration that is not about tokens'
// cryptography.
type Config struct {
	DatabaseURI string
	Engine      engine.Options
	// AnonRole runs requests without a token; empty refuses them.
	AnonRole string
	// RoleClaim is the path of the role in the token's claims.
	RoleClaim []string
	// Pool is the number of connections.
	Pool int32
	// Address is where to listen.
	Address string
	// Origins are the allowed CORS origins; none means all.
	Origins []string
	// TraceHeader is a request header that is repeated in the answer.
	TraceHeader string
	// Listen reloads the schema on notifications.
	Listen bool
}

// FromEnvironment reads the settings PGRST_*. get is os.LookupEnv or its
// like; all lists the environment for PGRST_APP_SETTINGS_*. Every bad value is
// part of the error, named by its setting.
func FromEnvironment(get func(string) (string, bool), all []string) (Config, error) {
	e := environment{get: get}
	c := Config{
		DatabaseURI: e.text("PGRST_DB_URI", "postgresql://"),
		AnonRole:    e.text("PGRST_DB_ANON_ROLE", ""),
		Pool:        int32(e.number("PGRST_DB_POOL", 10)),
		Address: net.JoinHostPort(host(e.text("PGRST_SERVER_HOST", "!4")),
			strconv.FormatInt(e.number("PGRST_SERVER_PORT", 3000), 10)),
		Origins:     e.list("PGRST_SERVER_CORS_ALLOWED_ORIGINS", ""),
		TraceHeader: e.text("PGRST_SERVER_TRACE_HEADER", ""),
		Listen:      e.flag("PGRST_DB_CHANNEL_ENABLED", true),
	}
	c.Engine = engine.Options{
		Schemas:         e.list("PGRST_DB_SCHEMAS", e.text("PGRST_DB_SCHEMA", "public")),
		ExtraSearchPath: e.list("PGRST_DB_EXTRA_SEARCH_PATH", "public"),
		AnonRole:        c.AnonRole,
		MaxRows:         e.number("PGRST_DB_MAX_ROWS", 0),
		Aggregates:      e.flag("PGRST_DB_AGGREGATES_ENABLED", false),
		PlanOutput:      e.flag("PGRST_DB_PLAN_ENABLED", false),
		TxEnd:           e.txEnd("PGRST_DB_TX_END"),
		BareNotFound:    true,
		PreRequest:      parseName(e.text("PGRST_DB_PRE_REQUEST", "")),
		ServerTiming:    e.flag("PGRST_SERVER_TIMING_ENABLED", false),
		AcquireTimeout:  time.Duration(e.number("PGRST_DB_POOL_ACQUISITION_TIMEOUT", 10)) * time.Second,
		OpenAPI:         e.openAPI(),
		HoistedSettings: e.list("PGRST_DB_HOISTED_TX_SETTINGS",
			"statement_timeout, plan_filter.statement_cost_limit, default_transaction_isolation"),
	}
	if e.flag("PGRST_DB_CONFIG", true) {
		c.Engine.ExposedSchemas = engine.SchemasOfLogin(c.Engine.Schemas...)
	}
	var err error
	if c.RoleClaim, err = parseClaimPath(e.text("PGRST_JWT_ROLE_CLAIM_KEY", ".role")); err != nil {
		e.errs = append(e.errs, err)
	}
	for _, entry := range all {
		name, value, _ := strings.Cut(entry, "=")
		if setting, ok := strings.CutPrefix(name, "PGRST_APP_SETTINGS_"); ok {
			c.Engine.AppSettings = append(c.Engine.AppSettings, schema.Setting{Name: "app.settings." + strings.ToLower(setting), Value: value})
		}
	}
	return c, errors.Join(e.errs...)
}

type environment struct {
	get  func(string) (string, bool)
	errs []error
}

func (e *environment) text(name, fallback string) string {
	if v, ok := e.get(name); ok {
		return v
	}
	return fallback
}

func (e *environment) list(name, fallback string) []string {
	var out []string
	for part := range strings.SplitSeq(e.text(name, fallback), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (e *environment) number(name string, fallback int64) int64 {
	v, ok := e.get(name)
	if !ok || v == "" {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		e.errs = append(e.errs, fmt.Errorf("%s must be a number of zero or more, not %q", name, v))
		return fallback
	}
	return n
}

func (e *environment) flag(name string, fallback bool) bool {
	switch v := strings.ToLower(e.text(name, "")); v {
	case "":
		return fallback
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
		return false
	default:
		e.errs = append(e.errs, fmt.Errorf("%s must be true or false, not %q", name, v))
		return fallback
	}
}

func (e *environment) txEnd(name string) engine.TxEnd {
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

// parseClaimPath reads .a."b c"[0].
func parseClaimPath(text string) ([]string, error) {
	bad := fmt.Errorf("PGRST_JWT_ROLE_CLAIM_KEY: %q is no path such as .role or .realm.roles[0]", text)
	var path []string
	for text != "" {
		switch {
		case strings.HasPrefix(text, `."`):
			name, rest, ok := strings.Cut(text[2:], `"`)
			if !ok {
				return nil, bad
			}
			path, text = append(path, name), rest
		case text[0] == '.':
			end := strings.IndexAny(text[1:], ".[")
			if end < 0 {
				end = len(text) - 1
			}
			path, text = append(path, text[1:1+end]), text[1+end:]
		case text[0] == '[':
			name, rest, ok := strings.Cut(text[1:], "]")
			if !ok {
				return nil, bad
			}
			path, text = append(path, name), rest
		default:
			return nil, bad
		}
	}
	return path, nil
}

// openAPI reads how the root is described. The proxy's URL wins over the
// address of the server itself.
func (e *environment) openAPI() engine.OpenAPI {
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
