package oauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

// A name that looks public may resolve to any address, and to another one the
// next time: what counts is the address that is dialled.
func TestGuardedClientsDialNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	o := newOutbound(true, false)
	for name, c := range map[string]*http.Client{"documents": o.documents, "calls": o.calls} {
		if _, err := c.Get(server.URL); !errors.Is(err, egress.ErrPrivate) {
			t.Errorf("%s: got %v, want ErrPrivate", name, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("a private server was called")
	}
	resp, err := newOutbound(true, true).documents.Get(server.URL)
	if err != nil {
		t.Fatalf("where private addresses are allowed: %v", err)
	}
	resp.Body.Close()
}
