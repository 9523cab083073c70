package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
)

func TestAddressesOfConfigurationsStayOutOfPrivateNetworks(t *testing.T) {
	t.Parallel()
	rp := party(t, false)
	for _, address := range []string{
		"http://idp.example/.well-known/openid-configuration", "ftp://idp.example", "https://", "https://:443/x", "//idp.example", "idp.example",
		"https://user:password@idp.example", "https://localhost/x", "http://127.0.0.1/x", "https://127.0.0.1/x", "https://[::1]/x",
		"https://10.0.0.1/x", "https://172.16.0.1/x", "https://192.168.1.1/x", "https://169.254.169.254/latest/meta-data", "https://100.64.0.1/x",
		"https://0.0.0.0/x", "https://[::]/x", "https://[fe80::1]/x", "https://[fd00::1]/x", "https://[::ffff:10.0.0.1]/x", "https://[64:ff9b::a00:1]/x",
		"https://[2002:a00:1::]/x", "https://255.255.255.255/x", "https://224.0.0.1/x", "https://198.18.0.1/x", "https://[fec0::1]/x",
	} {
		if err := rp.CheckEndpoint(address); err == nil {
			t.Errorf("%s: got no complaint, want one", address)
		}
		if _, err := rp.Discover(t.Context(), "corp", "Corp", address); err == nil {
			t.Errorf("%s: got a provider, want none", address)
		}
	}
	for _, address := range []string{"https://idp.example/.well-known/openid-configuration", "https://8.8.8.8/x", "https://[2606:4700::1]/x"} {
		if err := rp.CheckEndpoint(address); err != nil {
			t.Errorf("%s: got %v, want none", address, err)
		}
	}
}

func TestInvalidDiscoveryDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	good := func(base string) map[string]any {
		return map[string]any{
			"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
			"userinfo_endpoint": base + "/userinfo", "jwks_uri": base + "/jwks",
		}
	}
	without := func(name string) func(w http.ResponseWriter, base string) {
		return func(w http.ResponseWriter, base string) {
			d := good(base)
			delete(d, name)
			_ = json.NewEncoder(w).Encode(d)
		}
	}
	with := func(name, value string) func(w http.ResponseWriter, base string) {
		return func(w http.ResponseWriter, base string) {
			d := good(base)
			d[name] = value
			_ = json.NewEncoder(w).Encode(d)
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, base string)
		good   bool
	}{
		{"complete", with("name", "any"), true},
		{"without userinfo", without("userinfo_endpoint"), true},
		{"without keys, by userinfo alone", without("jwks_uri"), true},
		{"without an authorization endpoint", without("authorization_endpoint"), false},
		{"without a token endpoint", without("token_endpoint"), false},
		{"with keys but no issuer", without("issuer"), false},
		{"an authorization endpoint that is a script", with("authorization_endpoint", "javascript://x/%0aalert(1)"), false},
		{"a token endpoint without TLS", with("token_endpoint", "http://idp.example/token"), false},
		{"a userinfo endpoint in the clear", with("userinfo_endpoint", "http://10.0.0.1/"), false},
		{"keys at a file", with("jwks_uri", "file:///etc/passwd"), false},
		{"no JSON", func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "<html>") }, false},
		{"an error", func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusInternalServerError) }, false},
		{"endless", func(w http.ResponseWriter, _ string) {
			fmt.Fprint(w, `{"issuer":"`)
			for range 2 << 10 {
				if _, err := fmt.Fprint(w, strings.Repeat("x", 1<<10)); err != nil {
					return
				}
			}
		}, false},
		{"redirects in a circle", func(w http.ResponseWriter, base string) {
			w.Header().Set("Location", base)
			w.WriteHeader(http.StatusFound)
		}, false},
		{"a redirect to another scheme", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "http://idp.example/")
			w.WriteHeader(http.StatusFound)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(nil)
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.answer(w, server.URL) })
			server.Start()
			defer server.Close()
			_, err := party(t, true).Discover(t.Context(), "corp", "Corp", server.URL)
			if (err == nil) != tt.good {
				t.Errorf("got %v, want good %v", err, tt.good)
			}
		})
	}
}

func TestADiscoveryDocumentIsFetchedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	rp := party(t, true)
	for range 20 { // a failure is not repeated at once either
		if _, err := rp.Discover(t.Context(), "corp", "Corp", server.URL); err == nil {
			t.Fatal("got no error")
		}
	}
	if asked.Load() != 1 {
		t.Errorf("got %d fetches, want 1", asked.Load())
	}
}

// A redirect must never decide where an access token goes.
func TestCallsWithCredentialsFollowNoRedirect(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Store(true) }))
	defer thief.Close()
	turn := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer turn.Close()
	f := optest.NewFakes(t)
	rp := party(t, false)
	r := registration(f, oauth.GitHub)
	for name, change := range map[string]func(*oauth.Provider){
		"token endpoint":   func(p *oauth.Provider) { p.Token = turn.URL },
		"profile endpoint": func(p *oauth.Provider) { p.Profile = turn.URL },
	} {
		p := f.Provider(oauth.GitHub)
		address, err := rp.AuthURL(p, r, attempt(), nil)
		if err != nil {
			t.Fatal(err)
		}
		back := f.Authorize(oauth.GitHub, address, optest.Person{ID: "1"})
		change(&p)
		if _, err := rp.Account(t.Context(), p, r, attempt(), oauth.Callback{Code: back.Get("code")}); err == nil {
			t.Errorf("%s: got an account by way of a redirect", name)
		}
	}
	if leaked.Load() {
		t.Error("a redirect was followed with credentials")
	}
}

func TestACustomProviderMayAnswerByUserinfoAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ userinfo, wantID string }{
		"sub":             {`{"sub":"s1","email":"ada@example.com"}`, "s1"},
		"id, a number":    {`{"id":12345678901234567890,"email":"ada@example.com"}`, "12345678901234567890"},
		"user_id":         {`{"user_id":"u1","email":"ada@example.com"}`, "u1"},
		"nothing":         {`{"email":"ada@example.com"}`, ""},
		"an object as id": {`{"id":{"a":1},"email":"ada@example.com"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(nil)
			mux := http.NewServeMux()
			server.Config.Handler = mux
			server.Start()
			defer server.Close()
			mux.HandleFunc("GET /conf", func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{
					"authorization_endpoint": server.URL + "/authorize", "token_endpoint": server.URL + "/token", "userinfo_endpoint": server.URL + "/me",
				})
			})
			mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"access_token":"t","token_type":"Bearer"}`)
			})
			mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.userinfo) })
			rp := party(t, true)
			p, err := rp.Discover(t.Context(), "corp", "Corp", server.URL+"/conf")
			if err != nil {
				t.Fatal(err)
			}
			r := oauth.Registration{ClientID: "c", ClientSecret: "s", CallbackURL: callback}
			got, err := rp.Account(t.Context(), p, r, attempt(), oauth.Callback{Code: "code"})
			if got.ID != tt.wantID || (err == nil) != (tt.wantID != "") {
				t.Errorf("got %q, %v, want %q", got.ID, err, tt.wantID)
			}
			if got.EmailVerified {
				t.Error("an address that nobody vouches for counts as verified")
			}
		})
	}
}
