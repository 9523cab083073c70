package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Authenticator is the login of the caller pool, unless Config says otherwise.
const Authenticator = "insforge_authenticator"

// defaultName is the name of connections outside requests; see
// applicationName.
const defaultName = "insforge"

// Pool sizes are bounds, not targets: both pools hand out the connection that
// was returned last, so an idle product keeps a handful.
const (
	defaultMaxOwner  = 8
	defaultMaxCaller = 20
	connectTimeout   = 5 * time.Second
	// rememberedStatements is for the product's own statements, by connection.
	rememberedStatements = 128
	idleTimeout          = 30 * time.Second
)

// Config says where Postgres is.
type Config struct {
	// OwnerDSN is the connection string of the database owner.
	OwnerDSN string
	// Authenticator is the login of the caller pool; empty means the constant.
	// Logins belong to the whole cluster, so two projects on one need two.
	Authenticator         string
	AuthenticatorPassword string
	// MaxOwner and MaxCaller bound the pools; zero takes the default.
	MaxOwner, MaxCaller int32
}

// DB is the product's database: both pools.
type DB struct {
	owner, caller *pgxpool.Pool
	ownerDSN      string
}

// Open prepares both pools. It makes no connection: the roles that the caller
// pool needs may not exist yet (Bootstrap creates them).
func Open(ctx context.Context, c Config) (*DB, error) {
	owner, err := poolConfig(c.OwnerDSN, c.MaxOwner, defaultMaxOwner)
	if err != nil {
		return nil, err
	}
	caller := owner.Copy()
	caller.ConnConfig.User = cmp.Or(c.Authenticator, Authenticator)
	caller.ConnConfig.Password = c.AuthenticatorPassword
	caller.MaxConns = cmpOr(c.MaxCaller, defaultMaxCaller)
	// A plan made for one role is discarded when another uses it, and callers
	// change their tables, so nothing is cached by SQL text alone.
	caller.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	caller.ConnConfig.StatementCacheCapacity = 0
	db := &DB{ownerDSN: c.OwnerDSN}
	if db.owner, err = pgxpool.NewWithConfig(ctx, owner); err != nil {
		return nil, fmt.Errorf("open owner pool: %w", err)
	}
	if db.caller, err = pgxpool.NewWithConfig(ctx, caller); err != nil {
		db.owner.Close()
		return nil, fmt.Errorf("open caller pool: %w", err)
	}
	return db, nil
}

func poolConfig(dsn string, most, fallback int32) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// pgx's message may repeat the connection string.
		return nil, errors.New("the database connection string cannot be parsed; expected postgres://user:password@host:port/database")
	}
	c.MaxConns = cmpOr(most, fallback)
	c.MaxConnIdleTime = idleTimeout
	c.ConnConfig.ConnectTimeout = connectTimeout
	// pgx reserves this memory on every connection.
	c.ConnConfig.StatementCacheCapacity = rememberedStatements
	c.ConnConfig.DescriptionCacheCapacity = rememberedStatements
	c.ConnConfig.RuntimeParams["application_name"] = defaultName
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	return c, nil
}

func cmpOr(v, fallback int32) int32 {
	if v > 0 {
		return v
	}
	return fallback
}

// Close closes both pools. It waits for connections in use.
func (db *DB) Close() {
	db.caller.Close()
	db.owner.Close()
}

// Ping checks that Postgres answers, to the owner and to callers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.owner.Ping(ctx); err != nil {
		return fmt.Errorf("as the owner: %w", err)
	}
	if err := db.caller.Ping(ctx); err != nil {
		return fmt.Errorf("as %s: %w", db.caller.Config().ConnConfig.User, err)
	}
	return nil
}

// OwnerDSN is the owner's connection string. It holds a password.
func (db *DB) OwnerDSN() string { return db.ownerDSN }

// ConnConfig is how one of the pools connects, for connections that no pool
// can share. It holds a password.
func (db *DB) ConnConfig(owner bool) *pgx.ConnConfig {
	if owner {
		return db.owner.Config().ConnConfig
	}
	return db.caller.Config().ConnConfig
}

// AcquireCaller returns a connection of the caller pool for code that speaks
// the pipelined protocol itself. That code must set the role inside the
// transaction it opens, and must Release the connection.
func (db *DB) AcquireCaller(ctx context.Context) (*pgxpool.Conn, error) {
	return db.caller.Acquire(ctx)
}

// Reset closes the pools' idle connections, and the busy ones when they come
// back: after Postgres restarted under the product.
func (db *DB) Reset() {
	db.caller.Reset()
	db.owner.Reset()
}
