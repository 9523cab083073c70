package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// externalTimeout bounds the inspection of an external database server.
const externalTimeout = 15 * time.Second

// external is what we must know about a database that we do not run.
type external struct {
	version       int // major
	authenticator string
	// limited reports whether project_admin exists and is subject to row-level
	// security, because no one here may give it BYPASSRLS.
	limited bool
}

// inspectExternal connects to the database and checks that the product can work
// there. The error says what is missing, with the statement that adds it.
func inspectExternal(ctx context.Context, dsn string) (external, error) {
	ctx, cancel := context.WithTimeout(ctx, externalTimeout)
	defer cancel()
	settings, err := pgx.ParseConfig(dsn)
	if err != nil { // pgx's message may repeat the connection string
		return external{}, errors.New("DATABASE_URL cannot be parsed; expected postgres://user:password@host:port/database")
	}
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return external{}, ConnectError(settings, err, checkDatabase)
	}
	defer conn.Close(ctx)
	if err := checkSessions(ctx, settings, conn); err != nil {
		return external{}, err
	}
	x, rights, err := readExternal(ctx, conn)
	if err != nil {
		return external{}, fmt.Errorf("inspect the database: %w", err)
	}
	switch {
	case x.version < bundle.MinMajor || x.version > bundle.MaxMajor:
		return external{}, fmt.Errorf("the database server is Postgres %d; the product works with %d to %d", x.version, bundle.MinMajor, bundle.MaxMajor)
	case rights.readOnly:
		return external{}, errors.New("the database is read-only, such as a replica; name the primary server")
	case rights.encoding != "UTF8":
		return external{}, fmt.Errorf("the database's encoding is %s; create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", rights.encoding)
	}
	return x, rights.check(x.version)
}

// rights are what the database user may do that the product needs to migrate.
type rights struct {
	user, database     string
	readOnly           bool
	encoding           string
	super, createRoles bool
	ownsDatabase       bool
	ownsPublic         bool
	// foreign are the product's roles that exist and that the user may not
	// grant, which matters from Postgres 16 on.
	foreign []string
}

func readExternal(ctx context.Context, conn *pgx.Conn) (x external, r rights, err error) {
	var oid uint32
	err = conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int / 10000,
		       d.oid,
		       EXISTS (SELECT FROM pg_roles WHERE rolname = 'project_admin' AND NOT rolbypassrls),
		       current_user, current_database(),
		       pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
		       pg_encoding_to_char(d.encoding),
		       u.rolsuper, u.rolcreaterole,
		       pg_has_role(u.oid, d.datdba, 'USAGE'),
		       coalesce((SELECT pg_has_role(u.oid, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'), false),
		       ARRAY(SELECT rolname::text FROM pg_roles
		              WHERE rolname IN ('anon', 'authenticated', 'project_admin')
		                AND NOT pg_has_role(u.oid, oid, 'MEMBER WITH ADMIN OPTION')
		              ORDER BY 1)
		  FROM pg_database d, pg_roles u
		 WHERE d.datname = current_database() AND u.rolname = current_user`).
		Scan(&x.version, &oid, &x.limited, &r.user, &r.database, &r.readOnly, &r.encoding,
			&r.super, &r.createRoles, &r.ownsDatabase, &r.ownsPublic, &r.foreign)
	// Logins belong to the whole cluster. Each database gets its own, so that
	// two projects on one server do not change each other's password.
	x.authenticator = fmt.Sprintf("%s_%d", pg.Authenticator, oid)
	return x, r, err
}

// check names the statement that gives the user the first right it lacks.
func (r rights) check(version int) error {
	if r.super {
		return nil
	}
	user, database := quote.Identifier(r.user), quote.Identifier(r.database)
	missing := func(what, statement string, args ...any) error {
		return fmt.Errorf("the database user %s %s; as an administrator of the server run: %s",
			r.user, what, fmt.Sprintf(statement, args...))
	}
	switch {
	case !r.createRoles:
		return missing("may not create roles", `ALTER ROLE %s CREATEROLE`, user)
	case !r.ownsDatabase:
		return missing("does not own the database "+r.database, `ALTER DATABASE %s OWNER TO %s`, database, user)
	case !r.ownsPublic:
		return missing("does not own the schema public", `CREATE SCHEMA IF NOT EXISTS public; ALTER SCHEMA public OWNER TO %s`, user)
	case version >= 16 && len(r.foreign) > 0:
		roles := strings.Join(r.foreign, ", ")
		return missing("may not grant the roles "+roles+", which another user created", `GRANT %s TO %s WITH ADMIN OPTION`, roles, user)
	}
	return nil
}

// checkSessions refuses a pooler that hands a connection to others between
// transactions: locks, notifications and settings belong to a session. Behind
// such a pooler two clients that take turns share one server process.
func checkSessions(ctx context.Context, settings *pgx.ConnConfig, first *pgx.Conn) error {
	second, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return ConnectError(settings, err, checkDatabase)
	}
	defer second.Close(ctx)
	var pids [2]int
	for i, conn := range []*pgx.Conn{first, second} {
		if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&pids[i]); err != nil {
			return fmt.Errorf("ask the database: %w", err)
		}
	}
	if pids[0] == pids[1] {
		return errors.New("the database is behind a pooler in transaction mode, where sessions are shared; " +
			"name the Postgres server itself, or a pool in session mode")
	}
	return nil
}

// limitedHint is the warning about a limited external database.
const limitedHint = "the role project_admin is subject to row-level security on tables that were not created through the API; " +
	"as an administrator of the server run: ALTER ROLE project_admin BYPASSRLS"

// explain adds the causes that only an external server has.
func (x external) explain(err error) error {
	switch pg.State(err) {
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification: // the owner could log in: it is about the authenticator
		return fmt.Errorf("the database refuses the role %s, which the product created for itself; "+
			"let it log in from here (pg_hba.conf, or the pooler's list of users): %w", x.authenticator, err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%w; use a database user that owns the database, or a superuser", err)
	}
	return err
}

// checkDatabase is the advice when DATABASE_URL may be wrong.
const checkDatabase = "check DATABASE_URL or POSTGRES_HOST and its siblings"

// ConnectError explains in one line, without any secret, why a database cannot
// be reached. check is the advice when the connection string may be wrong.
func ConnectError(settings *pgx.ConnConfig, err error, check string) error {
	where := net.JoinHostPort(settings.Host, fmt.Sprint(settings.Port))
	if strings.HasPrefix(settings.Host, "/") {
		where = settings.Host
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("the database at %s %s", where, fmt.Sprintf(format, args...))
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
			return fail("refuses user %s (%s); %s", settings.User, refused.Message, check)
		case pgerrcode.InvalidCatalogName:
			return fail("has no database %s; create it, or %s", settings.Database, check)
		case pgerrcode.TooManyConnections:
			return fail("has no connection left (%s); raise max_connections or end other clients", refused.Message)
		case pgerrcode.CannotConnectNow:
			return fail("is starting or stopping (%s); try again in a few seconds", refused.Message)
		}
		return fail("answered: %s (SQLSTATE %s); %s", refused.Message, refused.Code, check)
	}
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns):
		return fail("cannot be found (%s); %s", dns.Err, check)
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return fail("presents a certificate that is not trusted; set sslrootcert in its connection string")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return fail("refuses connections; start the server, or %s", check)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return fail("does not answer; %s, and the firewall", check)
	}
	return fail("cannot be reached (%v); %s", errors.Unwrap(err), check)
}
