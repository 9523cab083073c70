package rawsql

import (
	"context"
	"fmt"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// goodbye bounds what is done for a transaction after its request.
const goodbye = 5 * time.Second

// rowShare is which part of a result one row may be: as JSON it may grow to
// several times its size, in memory.
const rowShare = 4

// connection is the session of one request.
type connection struct {
	*session.Session
	s    *Service
	role string // that statements run as; NONE is the login's own
	// statements counts those that were prepared.
	statements int
}

// open connects as the owner or as callers do, and takes the caller's role.
// A setting made here is made outside of transactions: it stays when the
// first one is rolled back.
func (s *Service) open(ctx context.Context, root bool) (*connection, error) {
	conn, err := session.Open(ctx, s.db, session.Options{Root: root, MaxRow: int(s.limits.Bytes / rowShare)})
	if err != nil {
		return nil, err
	}
	x := &connection{Session: conn, s: s, role: "NONE"}
	settings := fmt.Sprintf(`SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET statement_timeout = %d`,
		s.limits.Statement.Milliseconds())
	if !root {
		p := identity.From(ctx)
		x.role = string(p.Role())
		settings += fmt.Sprintf(`; SET "request.jwt.claims" = %s; SET ROLE %s`, quote.Literal(p.Claims), x.role)
	}
	if _, err := x.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
		x.Close(ctx)
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	return x, nil
}

// raw is the connection below pgx, for statements whose results are streamed.
func (x *connection) raw() *pgconn.PgConn { return x.PgConn() }
