package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/app/logging"
	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/insforge/insforge-go/migrations"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/rs/zerolog"
)

const stopPostgresTimeout = 60 * time.Second

// store is the project's database, ready for use: the server if we run it,
// the migrated schema and the pools.
type store struct {
	*pg.DB
	server     *postgres.Server // nil with an external database
	auditToken []byte
}

// databasePlace is where the project's database is or will be: an external
// server, or the programs that run our own.
type databasePlace struct {
	external external
	runtime  bundle.Runtime
}

// locateDatabase finds out whether the database can be opened at all, without
// changing anything: whether the external one is fit for the product, or
// Postgres runs on this machine.
func locateDatabase(ctx context.Context, cfg config.Config) (p databasePlace, err error) {
	if cfg.Postgres.External() {
		p.external, err = inspectExternal(ctx, cfg.Postgres.DSN())
	} else {
		p.runtime, err = findPostgres(ctx, cfg, filepath.Join(cfg.DataDir, runtimeDir))
	}
	return p, err
}

// openDatabase starts Postgres if we run it, ensures that the database exists
// and is up to date, and opens the pools.
func openDatabase(ctx context.Context, cfg config.Config, place databasePlace, secrets config.Secrets, logs *logging.Logs) (_ *store, err error) {
	d := &store{auditToken: deriveKey(secrets.EncryptionKey, "audit")}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if cfg.Postgres.External() {
		return d, d.openExternal(ctx, cfg, place.external, secrets, logs)
	}
	if d.server, err = startPostgres(ctx, cfg, place.runtime, secrets, logs); err != nil {
		return nil, err
	}
	return d, d.openOwn(ctx, cfg, secrets, logs)
}

// openOwn opens the project's database in our own server.
func (d *store) openOwn(ctx context.Context, cfg config.Config, secrets config.Secrets, logs *logging.Logs) error {
	dsn := func(name string) string { return d.server.DSN(postgres.Superuser, secrets.PostgresPassword, name) }
	err := createDatabase(ctx, dsn("postgres"), cfg.Postgres.Database)
	if err == nil {
		err = d.prepare(ctx, pg.Config{OwnerDSN: dsn(cfg.Postgres.Database)}, secrets, logs)
	}
	if pg.State(err) == pgerrcode.DiskFull {
		return dataDirError(cfg.DataDir, syscall.ENOSPC)
	}
	return err
}

// openExternal opens a database on an external server.
func (d *store) openExternal(ctx context.Context, cfg config.Config, x external, secrets config.Secrets, logs *logging.Logs) error {
	dsn := cfg.Postgres.DSN()
	if err := d.prepare(ctx, pg.Config{OwnerDSN: dsn, Authenticator: x.authenticator}, secrets, logs); err != nil {
		return x.explain(err)
	}
	if err := d.Ping(ctx); err != nil {
		return x.explain(err)
	}
	x, err := inspectExternal(ctx, dsn)
	if err == nil && x.limited { // known once the migrations ran
		logs.Product.Warn().Msg(limitedHint)
	}
	return err
}

// prepare migrates the database and opens the pools on it.
func (d *store) prepare(ctx context.Context, access pg.Config, secrets config.Secrets, logs *logging.Logs) (err error) {
	if err := migrate(ctx, access.OwnerDSN, logs.Product); err != nil {
		return err
	}
	access.AuthenticatorPassword = authenticatorPassword(secrets)
	if d.DB, err = pg.Open(ctx, access); err != nil {
		return err
	}
	verifier, err := postgres.ScramVerifier(access.AuthenticatorPassword)
	if err != nil {
		return err
	}
	err = d.Bootstrap(ctx, verifier, d.auditToken)
	if errors.Is(err, pg.ErrOtherProject) {
		return fmt.Errorf("%w; start with that project's secrets.json or ENCRYPTION_KEY, or use another database; nothing was changed", err)
	}
	if err != nil {
		return fmt.Errorf("prepare database: %w", err)
	}
	return nil
}

// authenticatorPassword is derived from the encryption key, so that processes
// that share a database and the key agree on it.
func authenticatorPassword(secrets config.Secrets) string {
	return hex.EncodeToString(deriveKey(secrets.EncryptionKey, "authenticator"))
}

// Close closes the pools and stops our Postgres.
func (d *store) Close() error {
	if d.DB != nil {
		d.DB.Close()
	}
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPostgresTimeout)
	defer cancel()
	return d.server.Stop(ctx)
}

// port is the TCP port for tools; 0 with an external database.
func (d *store) port() int {
	if d.server == nil {
		return 0
	}
	return d.server.Port
}

// toolDSN is the owner's connection string for tools and ORMs.
func (d *store) toolDSN(p config.Postgres, secrets config.Secrets) string {
	if d.server == nil {
		return p.DSN()
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(postgres.Superuser, secrets.PostgresPassword),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port())),
		Path:     "/" + p.Database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// findPostgres returns the programs to run the data directory with, preferring
// those of its major version. A release unpacks its own into fallback when there
// is no cache.
func findPostgres(ctx context.Context, cfg config.Config, fallback string) (bundle.Runtime, error) {
	return bundle.FindPostgres(ctx, bundle.Options{FallbackDir: fallback, Major: clusterMajor(cfg)})
}

// clusterMajor returns the major version of the data directory, or 0 when there
// is none.
func clusterMajor(cfg config.Config) int {
	text, err := os.ReadFile(filepath.Join(cfg.DataDir, postgresDir, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return major
}

func startPostgres(ctx context.Context, cfg config.Config, runtime bundle.Runtime, secrets config.Secrets, logs *logging.Logs) (*postgres.Server, error) {
	return postgres.Start(ctx, postgres.Options{
		DataDir:  filepath.Join(cfg.DataDir, postgresDir),
		Runtime:  runtime,
		Password: secrets.PostgresPassword,
		Port:     cfg.Postgres.Port,
		Log:      func(l postgres.Line) { logLine(logs, l) },
	})
}

// disconnected is what Postgres logs, at the level of a crash, when it stops
// while a client is still connected.
const disconnected = "terminating connection due to administrator command"

// logLine writes a line of Postgres to its log, and fatal ones to ours too.
func logLine(logs *logging.Logs, l postgres.Line) {
	write := func(to zerolog.Logger) {
		to.WithLevel(level(l.Level)).Str("component", "postgres").Int("pid", l.PID).
			Str("application", l.Application).Str("database", l.Database).Msg(l.Message)
	}
	write(logs.Postgres)
	if l.Level == postgres.LevelFatal && l.Message != disconnected {
		write(logs.Product)
	}
}

func level(l postgres.Level) zerolog.Level {
	switch l {
	case postgres.LevelDebug:
		return zerolog.DebugLevel
	case postgres.LevelWarn:
		return zerolog.WarnLevel
	case postgres.LevelError, postgres.LevelFatal:
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}

// createDatabase creates the project's database in our own server.
func createDatabase(ctx context.Context, adminDSN, name string) error {
	conn, err := pgx.Connect(ctx, adminDSN)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	// The copy logs each page once. Compressing them takes several times as long
	// as writing them, and the first start waits for it.
	if _, err := conn.Exec(ctx, `SET wal_compression = off`); err != nil {
		return fmt.Errorf("prepare to create database %s: %w", name, err)
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+quote.Identifier(name)); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

func migrate(ctx context.Context, dsn string, log zerolog.Logger) error {
	settings, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errors.New("the database's connection string cannot be parsed") // pgx's message may repeat it
	}
	db := stdlib.OpenDB(*settings)
	defer db.Close()
	_, err = migrations.Apply(ctx, db, slog.New(zerolog.NewSlogHandler(log.Level(zerolog.WarnLevel))))
	return err
}

// deriveKey returns a key for one purpose, so that no key serves two.
func deriveKey(secret, purpose string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("insforge:" + purpose))
	return mac.Sum(nil)
}
