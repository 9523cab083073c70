package standalone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/jackc/pgx/v5"
)

// ErrUnreachable is the error when the database could not be asked for its
// settings. Errors that wrap it say why.
var ErrUnreachable = errors.New("the database cannot be asked for settings")

// readTimeout bounds reading the settings of the database.
const readTimeout = 10 * time.Second

// databaseSettings are the settings that the database may hold, each as
// pgrst.NAME.
func databaseSettings() []string {
	names := strings.Fields(`
		db_aggregates_enabled db_anon_role db_extra_search_path db_hoisted_tx_settings db_max_rows db_plan_enabled db_pre_config db_pre_request
		db_prepared_statements db_root_spec db_schemas db_timezone_enabled db_tx_end client_error_verbosity
		jwt_aud jwt_cache_max_entries jwt_cache_max_lifetime jwt_role_claim_key jwt_secret jwt_secret_is_base64
		log_query openapi_mode openapi_security_active openapi_server_proxy_uri
		server_cors_allowed_origins server_timing_enabled server_trace_header`)
	for i, n := range names {
		names[i] = inDatabasePrefix + n
	}
	return names
}

const inDatabasePrefix = "pgrst."

// inDatabase reads the settings that the database holds: those that the
// function PreConfig sets and, over them, those of the login: ALTER ROLE … SET
// pgrst.NAME, in all databases and then in this one. With a preConfigError the
// values are those of the login.
func (c Config) inDatabase(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	config, err := pgx.ParseConfig(c.DatabaseURI)
	if err != nil {
		return nil, errBadURI
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Close(ctx) // nothing is lost with it
	values, err := c.ask(ctx, conn)
	if err != nil && passes(pg.State(err)) {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return values, err
}

// passes reports whether a failure is not the statement's fault: the
// connection was lost, or Postgres is about to stop or short of something.
func passes(state string) bool {
	return state == "" || strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") || strings.HasPrefix(state, "57P")
}

// preConfigError is the failure of the function PreConfig.
type preConfigError struct {
	call string
	err  error
}

// Error implements error.
func (e *preConfigError) Error() string {
	return fmt.Sprintf("PGRST_DB_PRE_CONFIG: %s(): %v", e.call, e.err)
}

// Unwrap returns what Postgres says.
func (e *preConfigError) Unwrap() error { return e.err }

func (c Config) ask(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	const ofLogin = `
SELECT DISTINCT ON (name) name, value
FROM (
	SELECT rs.setdatabase, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
	FROM pg_catalog.pg_db_role_setting rs
	CROSS JOIN unnest(rs.setconfig) c
	WHERE rs.setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)
		AND rs.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
) x
WHERE name = ANY ($1)
ORDER BY name, setdatabase DESC`
	names := databaseSettings()
	values := map[string]string{}
	read := func(q string, args ...any) error {
		rows, err := conn.Query(ctx, q, args...)
		if err != nil {
			return err
		}
		var name string
		var value *string
		_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
			key := strings.TrimPrefix(name, inDatabasePrefix)
			if _, known := values[key]; !known && value != nil {
				values[key] = *value
			}
			return nil
		})
		return err
	}
	if err := read(ofLogin, names); err != nil {
		return nil, fmt.Errorf("read the settings of the login: %w", err)
	}
	function := c.PreConfig
	if name, ok := values["db_pre_config"]; ok {
		function = parseName(name)
	}
	if function.Name == "" {
		return values, nil
	}
	call := function.Quoted()
	// One statement, so that what it sets locally can be read and is gone
	// afterwards.
	const ofFunction = `SELECT x.name, pg_catalog.current_setting(x.name, true) FROM %s() _ CROSS JOIN unnest($1::text[]) x (name)`
	if err := read(fmt.Sprintf(ofFunction, call), names); err != nil {
		return values, &preConfigError{call, err}
	}
	return values, nil
}
