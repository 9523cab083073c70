package apptest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/insforge/insforge-go/app/apptest"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
)

// TestSignInAtAnotherProvider signs people in to an application, with the SDK
// in Chromium, at an OpenID provider that the project is configured for. The
// product is behind a proxy, whose address is the public one.
func TestSignInAtAnotherProvider(t *testing.T) {
	t.Parallel()
	var inside atomic.Pointer[url.URL]
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(inside.Load())
		r.SetXForwarded()
	}})
	t.Cleanup(proxy.Close)
	client := optest.Client{ID: "the-app", Secret: "the secret", RedirectURIs: []string{proxy.URL + "/api/auth/oauth/custom/corp/callback"}}
	provider := optest.Start(t, client)

	dir := clientProject(t)
	for _, name := range []string{"oauth.app.mjs", "oauth.e2e.mjs"} {
		if err := os.WriteFile(filepath.Join(dir, name), read(t, "client/"+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	web, err := filepath.Abs(filepath.Join("..", "..", "web"))
	if err != nil {
		t.Fatal(err)
	}
	p := apptest.Start(t, t.TempDir(), "API_BASE_URL="+proxy.URL, "OAUTH_ALLOW_PRIVATE_HOSTS=true")
	at, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	inside.Store(at)

	ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "oauth.e2e.mjs"))
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "WEB_DIR="+web,
		"BASE_URL="+proxy.URL, "API_KEY="+p.APIKey, "ANON_KEY="+p.AnonKey,
		"ISSUER="+provider.Issuer, "CLIENT_ID="+client.ID, "CLIENT_SECRET="+client.Secret)
	drive(t, p, cmd)
	p.Stop(t)
}

// TestPrivateProvidersAreRefusedUnlessAllowed starts the product with its
// defaults.
func TestPrivateProvidersAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	p := apptest.Start(t, t.TempDir())
	answer, err := p.Call(t.Context(), http.MethodPost, "/api/auth/oauth/custom/configs", p.APIKey, map[string]string{
		"key": "corp", "name": "Corp", "discoveryEndpoint": "http://127.0.0.1:1/x", "clientId": "id", "clientSecret": "secret",
	})
	if answer.Status != http.StatusBadRequest {
		t.Errorf("got %d, %v, want 400", answer.Status, err)
	}
	p.Stop(t)
}
