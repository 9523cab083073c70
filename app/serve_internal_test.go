package app

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/rs/zerolog"
)

func TestAFailingComponentIsNamed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := &product{
		log: zerolog.New(&log),
		server: server.New(server.Deps{
			Events: &events.Bus{}, Routes: func(rest.Router) {}, KeepAlive: time.Minute, Log: zerolog.Nop(), Now: time.Now,
		}),
		components: []component{
			{"metadata", nil, nil},
			{"auth", nil, func(ctx context.Context) error { <-ctx.Done(); return nil }},
			{"email", nil, func(context.Context) error { return errors.New("the outbox is gone") }},
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const want = "component email failed: the outbox is gone"
	if err := p.serve(t.Context(), l, func() {}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !strings.Contains(log.String(), "stopping: "+want) {
		t.Errorf("got the log %s, want it to name the component", log.String())
	}
}
