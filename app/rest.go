package app

import (
	"context"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/database/engine/standalone"
)

// ServeREST serves the query engine alone, on any Postgres, as PostgREST
// would; see [standalone.Process.Serve].
func ServeREST(ctx context.Context, p standalone.Process) error {
	Tune()
	p.NewVerifier = func(c standalone.Config) (func(token string) ([]byte, error), error) {
		v, err := tokens.NewVerifier(c.JWTSecret, c.Audience, time.Now)
		if err != nil {
			return nil, err
		}
		return v.Verify, nil
	}
	return p.Serve(ctx)
}
