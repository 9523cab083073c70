package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// nowhere is a response whose body is discarded.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}

// remembered accepts every token, like an authenticator that has seen it before.
type remembered struct {
	resttest.Callers
	principal identity.Principal
}

func (a remembered) AccessToken(context.Context, string) (identity.Principal, error) {
	return a.principal, nil
}

// BenchmarkMiddleware is what a request costs before and after its handler,
// the access log line included.
func BenchmarkMiddleware(b *testing.B) {
	s := server.New(server.Deps{
		Auth:   remembered{principal: identity.NewUser("u", "", nil)},
		Events: &events.Bus{},
		Routes: func(r rest.Router) {
			r.GET("/api/database/records/:table", rest.User, func(c rest.Context) error { return nil })
		},
		MaxJSONBody: 1 << 20, MaxURLEncodedBody: 1 << 20,
		Log: zerolog.New(io.Discard),
		Now: time.Now,
	})
	r := httptest.NewRequest("GET", "/api/database/records/posts?select=id", nil)
	r.Header.Set("Authorization", "Bearer "+userToken)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("User-Agent", "bench")
	w := nowhere{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		s.ServeHTTP(w, r)
	}
}
