package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// loginTimeout bounds each of our own connections.
const loginTimeout = 30 * time.Second

// wrongPassword is the SQLSTATE of a refused password.
const wrongPassword = "28P01"

// finish runs after the server has started: it makes sure that the superuser can
// log in with the password it should have, and completes a new cluster.
func (s *Server) finish(ctx context.Context, created bool) error {
	err := s.session(ctx, "postgres", "")
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code == wrongPassword {
		// Someone changed it with SQL. The password in the options counts.
		s.say(LevelWarn, "the superuser's password was changed by something else; setting it again")
		return s.restartWithPassword(ctx)
	}
	if err != nil {
		return &Error{Kind: KindStart, Message: "log in to the new server", Log: tail(s.lines.all(), 10), Err: err}
	}
	if created && s.options.Runtime.Template != "" {
		s.importCollations(ctx)
	}
	return nil
}

// restartWithPassword stops the server, sets the password, and starts it again.
func (s *Server) restartWithPassword(ctx context.Context) error {
	if err := s.process.Stop(ctx); err != nil {
		return err
	}
	lock, _, err := s.place.lockServer(ctx, patienceAfter(s.options.StopTimeout), s.say)
	if err != nil {
		return err
	}
	if err := s.place.setPassword(ctx, s.options.Password, []*os.File{lock}); err != nil {
		return err
	}
	return s.launch(ctx)
}

// importCollations adds the collations of this machine's C library, which a
// template cannot know. New databases are copies of template1. Postgres brings
// its own collations, so nothing breaks without these.
func (s *Server) importCollations(ctx context.Context) {
	for _, database := range []string{"template1", "postgres"} {
		if err := s.session(ctx, database, "SELECT pg_import_system_collations('pg_catalog')"); err != nil {
			s.say(LevelInfo, fmt.Sprintf("the system's collations could not be imported into %s: %v", database, err))
		}
	}
}

// session logs in as the superuser and executes sql, which may be empty.
func (s *Server) session(ctx context.Context, database, sql string) error {
	return executeSQL(ctx, s.DSN(Superuser, s.options.Password, database), sql)
}

// executeSQL connects, executes sql, and disconnects.
func executeSQL(ctx context.Context, dsn, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}
