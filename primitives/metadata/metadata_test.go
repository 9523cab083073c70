package metadata_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
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

func serve(t *testing.T, d metadata.Deps) resttest.Client {
	t.Helper()
	s, err := metadata.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return resttest.New(t, "/api/metadata", s.Mount)
}

func TestKeysAndProject(t *testing.T) {
	t.Parallel()
	stored := secrets{"API_KEY": "ik_good", "ANON_KEY": "anon_good"}
	local := serve(t, metadata.Deps{Secrets: stored})
	hosted := serve(t, metadata.Deps{Secrets: secrets{}, ProjectID: "p1"})
	for _, tc := range []struct {
		name   string
		server resttest.Client
		path   string
		body   string // empty where the key is not stored
	}{
		{"API key", local, "/api-key", `{"apiKey":"ik_good"}`},
		{"anon key", local, "/anon-key", `{"anonKey":"anon_good"}`},
		{"no project id", local, "/project-id", `{"projectId":null}`},
		{"project id", hosted, "/project-id", `{"projectId":"p1"}`},
		{"API key is not stored", hosted, "/api-key", ""},
		{"anon key is not stored", hosted, "/anon-key", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.server.CallAs(resttest.APIKey, "GET", tc.path, "")
			if tc.body == "" {
				a.Refused(http.StatusNotFound, fault.SecretNotFound, "not found")
			} else {
				a.OK(http.StatusOK).Equal(tc.body)
			}
		})
	}
}

func TestEverythingIsForAdministrators(t *testing.T) {
	t.Parallel()
	server := serve(t, metadata.Deps{Secrets: secrets{"API_KEY": "ik_good", "ANON_KEY": "anon_good"}, ProjectID: "p"})
	for _, path := range []string{"", "/auth", "/database", "/storage", "/functions", "/realtime", "/api-key", "/anon-key", "/project-id",
		"/database-connection-string", "/database-password", "/posts"} {
		server.OnlyAdmins("GET", path, "")
	}
}

func TestNewWantsItsDependencies(t *testing.T) {
	t.Parallel()
	if _, err := metadata.New(metadata.Deps{}); err == nil {
		t.Error("got no error without secrets")
	}
}
