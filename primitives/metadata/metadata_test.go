package metadata_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/metadata"
)

// secrets are the stored ones by key.
type secrets map[string]string

func (s secrets) Value(_ context.Context, key string) (string, error) {
	if v, ok := s[key]; ok {
		return v, nil
	}
	return "", fault.New(http.StatusNotFound, fault.SecretNotFound, "Secret not found")
}

// gatekeeper knows one key of each kind and one user's token.
type gatekeeper struct{}

func (gatekeeper) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if key != "ik_good" {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

func (gatekeeper) AnonKey(context.Context, string) (identity.Principal, error) {
	return identity.Anonymous(identity.AnonKey), nil
}

func (gatekeeper) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	if token != "user" {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
	}
	return identity.NewUser("u", "", nil), nil
}

func serve(t *testing.T, d metadata.Deps) *httptest.Server {
	t.Helper()
	s, err := metadata.New(d)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		var f *fault.Error
		if !errors.As(err, &f) {
			f = fault.Internal(err)
		}
		_ = c.String(f.Status, string(f.Code))
	}
	s.Mount(rest.NewRouter(e.Group("/api/metadata"), gatekeeper{}))
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, server *httptest.Server, path, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/metadata"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestKeysAndProject(t *testing.T) {
	t.Parallel()
	stored := secrets{"API_KEY": "ik_good", "ANON_KEY": "anon_good"}
	local := serve(t, metadata.Deps{Secrets: stored})
	hosted := serve(t, metadata.Deps{Secrets: secrets{}, ProjectID: "p1"})
	for _, tc := range []struct {
		name        string
		server      *httptest.Server
		path, token string
		status      int
		body        string
	}{
		{"API key", local, "/api-key", "ik_good", 200, `{"apiKey":"ik_good"}` + "\n"},
		{"anon key", local, "/anon-key", "ik_good", 200, `{"anonKey":"anon_good"}` + "\n"},
		{"no project id", local, "/project-id", "ik_good", 200, `{"projectId":null}` + "\n"},
		{"project id", hosted, "/project-id", "ik_good", 200, `{"projectId":"p1"}` + "\n"},
		{"API key is not stored", hosted, "/api-key", "ik_good", 404, "SECRET_NOT_FOUND"},
		{"anon key is not stored", hosted, "/anon-key", "ik_good", 404, "SECRET_NOT_FOUND"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if status, body := get(t, tc.server, tc.path, tc.token); status != tc.status || body != tc.body {
				t.Errorf("got %d %q, want %d %q", status, body, tc.status, tc.body)
			}
		})
	}
}

func TestEverythingIsForAdministrators(t *testing.T) {
	t.Parallel()
	server := serve(t, metadata.Deps{Secrets: secrets{"API_KEY": "ik_good", "ANON_KEY": "anon_good"}, ProjectID: "p"})
	for _, path := range []string{"", "/auth", "/database", "/storage", "/functions", "/realtime", "/api-key", "/anon-key", "/project-id",
		"/database-connection-string", "/database-password", "/posts"} {
		for token, want := range map[string]struct {
			status int
			code   fault.Code
		}{
			"":          {401, fault.AuthInvalidCredentials},
			"user":      {403, fault.AuthUnauthorized},
			"anon_good": {401, fault.AuthUnauthorized},
			"ik_bad":    {401, fault.AuthInvalidAPIKey},
			"x.y.z":     {401, fault.AuthUnauthorized},
		} {
			if status, body := get(t, server, path, token); status != want.status || body != string(want.code) {
				t.Errorf("%s with %q: got %d %s, want %d %s", path, token, status, body, want.status, want.code)
			}
		}
	}
}

func TestNewWantsItsDependencies(t *testing.T) {
	t.Parallel()
	if _, err := metadata.New(metadata.Deps{}); err == nil {
		t.Error("got no error without secrets")
	}
}
