package changes

import (
	"context"
	"time"

	"github.com/insforge/insforge-go/primitives/database/session"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// grace is how much longer than its request a statement may run: the request
// is what ends it, unless the server went away.
const grace = 5 * time.Second

// alone opens a session for f while no other migration of this process runs.
// After limit, it is terminated from outside.
func (s *Service) alone(ctx context.Context, limit time.Duration, f func(context.Context, *session.Session) error) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.limits.Turn):
		return s.busy()
	}
	defer func() { s.turn <- struct{}{} }()
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	x, err := session.Open(bounded, s.db, session.Options{SearchPath: "public", Lock: s.limits.Lock, Statement: limit + grace})
	if err == nil {
		defer x.Close(bounded)
		err = f(bounded, x)
	}
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return tookTooLong(limit, err)
	}
	return atEnd(err)
}

// run runs the project's statements one by one.
func run(ctx context.Context, tx pg.Tx, statements []sqltext.Statement) error {
	raw := tx.Conn().PgConn()
	for i, s := range statements {
		// The extended protocol: the server refuses more than one command.
		if _, err := raw.ExecParams(ctx, s.Text, nil, nil, nil, nil).Close(); err != nil {
			return answer(&failure{number: i + 1, of: len(statements), statement: s, err: err})
		}
	}
	return nil
}
