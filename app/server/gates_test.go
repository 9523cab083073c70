package server_test

import (
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// whoami answers with the caller's role and name.
func whoami(c rest.Context) error {
	p := identity.From(c.Request().Context())
	return c.String(http.StatusOK, string(p.Role())+" "+p.Actor())
}

func gatedRoutes(r rest.Router) {
	r.GET("/pub", rest.Public, whoami)
	r.GET("/usr", rest.User, whoami)
	r.GET("/lib", rest.LibraryUser, whoami)
	r.GET("/jwt", rest.JWT, whoami)
	r.GET("/adm", rest.Admin, whoami)
	r.GET("/key", rest.Key, whoami)
}

func TestGatesAdmitPermittedCallers(t *testing.T) {
	t.Parallel()
	s := serve(t, gatedRoutes)
	const user = "authenticated " + resttest.UserID
	for _, tt := range []struct {
		name, path string
		headers    []string
		want       string
	}{
		{"a public route without a credential", "/pub", nil, "anon "},
		{"a public route ignores a good credential", "/pub", []string{"Authorization: Bearer " + adminToken}, "anon "},
		{"a public route ignores a bad credential", "/pub", []string{"x-api-key: ik_bad"}, "anon "},
		{"a user route with the API key as a bearer", "/usr", []string{"Authorization: Bearer " + apiKey}, "project_admin api-key"},
		{"a user route with the API key in its header", "/usr", []string{"X-API-Key: " + apiKey}, "project_admin api-key"},
		{"a user route with the anon key", "/usr", []string{"Authorization: Bearer " + anonKey}, "anon "},
		{"a user route with a user's token", "/usr", []string{"Authorization: Bearer " + userToken}, user},
		{"a user route with an administrator's token", "/usr", []string{"Authorization: Bearer " + adminToken}, "project_admin local:admin"},
		{"the API key header wins over a bearer token", "/usr", []string{"Authorization: Bearer " + userToken, "x-api-key: " + apiKey}, "project_admin api-key"},
		{"an empty API key header counts as none", "/usr", []string{"Authorization: Bearer " + userToken, "x-api-key: "}, user},
		{"a library's route with a user's token", "/lib", []string{"Authorization: Bearer " + userToken}, user},
		{"a library's route with the anon key as apikey", "/lib", []string{"apikey: " + anonKey}, "anon "},
		{"a library's route with the API key as apikey", "/lib", []string{"apikey: " + apiKey}, "project_admin api-key"},
		{"a library's route with a token as apikey", "/lib", []string{"apikey: " + userToken}, user},
		{"Authorization wins over apikey", "/lib", []string{"Authorization: Bearer " + userToken, "apikey: " + apiKey}, user},
		{"x-api-key wins over apikey", "/lib", []string{"x-api-key: " + apiKey, "apikey: " + anonKey}, "project_admin api-key"},
		{"a token route with a user's token", "/jwt", []string{"Authorization: Bearer " + userToken}, user},
		{"a token route ignores the API key header", "/jwt", []string{"Authorization: Bearer " + userToken, "x-api-key: " + apiKey}, user},
		{"an admin route with the API key", "/adm", []string{"x-api-key: " + apiKey}, "project_admin api-key"},
		{"an admin route with an administrator's token", "/adm", []string{"Authorization: Bearer " + adminToken}, "project_admin local:admin"},
		{"a key route with the API key", "/key", []string{"Authorization: Bearer " + apiKey}, "project_admin api-key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.do(t, "GET", tt.path, nil, tt.headers...)
			if a.Status != http.StatusOK || a.Text != tt.want {
				t.Errorf("got %d %q, want 200 %q", a.Status, a.Text, tt.want)
			}
		})
	}
}

func TestGatesRefuseWithTheContractsMessages(t *testing.T) {
	t.Parallel()
	s := serve(t, gatedRoutes)
	const noUser, noAdmin = "No token provided", "No admin token provided"
	for _, tt := range []struct {
		name, path, header string
		status             int
		code, message      string
	}{
		{"user: no credential", "/usr", "", 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"token: no credential", "/jwt", "", 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"admin: no credential", "/adm", "", 401, "AUTH_INVALID_CREDENTIALS", noAdmin},
		{"key: no credential", "/key", "", 401, "AUTH_INVALID_API_KEY", "No API key provided"},
		{"another scheme is not a credential", "/usr", "Authorization: Basic dTpw", 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"the scheme is case-sensitive", "/usr", "Authorization: bearer " + userToken, 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"the scheme alone is not a credential", "/adm", "Authorization: Bearer ", 401, "AUTH_INVALID_CREDENTIALS", noAdmin},
		{"a token without the scheme is not a credential", "/usr", "Authorization: " + userToken, 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"user: a bad token", "/usr", "Authorization: Bearer x.y.z", 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"admin: a bad token", "/adm", "Authorization: Bearer x.y.z", 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"user: a bad API key", "/usr", "Authorization: Bearer ik_bad", 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"user: any text in the API key header", "/usr", "x-api-key: nonsense", 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"user: the anon key in the API key header", "/usr", "x-api-key: " + anonKey, 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"admin: a bad API key", "/adm", "x-api-key: ik_bad", 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"key: a bad API key", "/key", "x-api-key: ik_bad", 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"key: a user's token is not a key", "/key", "Authorization: Bearer " + userToken, 401, "AUTH_INVALID_API_KEY", "No API key provided"},
		{"user: apikey is not a credential", "/usr", "apikey: " + apiKey, 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"library: no credential", "/lib", "", 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"library: a bad anon key", "/lib", "apikey: anon_bad", 401, "AUTH_INVALID_CREDENTIALS", "Invalid anon key"},
		{"library: a bad API key", "/lib", "apikey: ik_bad", 401, "AUTH_INVALID_API_KEY", "Invalid API key"},
		{"library: any other text", "/lib", "apikey: nonsense", 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"user: a bad anon key", "/usr", "Authorization: Bearer anon_bad", 401, "AUTH_INVALID_CREDENTIALS", "Invalid anon key"},
		{"admin: a bad anon key", "/adm", "Authorization: Bearer anon_bad", 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"admin: the anon key", "/adm", "Authorization: Bearer " + anonKey, 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"token: the API key is a bad token", "/jwt", "Authorization: Bearer " + apiKey, 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"token: the anon key is a bad token", "/jwt", "Authorization: Bearer " + anonKey, 401, "AUTH_UNAUTHORIZED", "Invalid token"},
		{"token: the API key header is not a credential", "/jwt", "x-api-key: " + apiKey, 401, "AUTH_INVALID_CREDENTIALS", noUser},
		{"admin: a user's token", "/adm", "Authorization: Bearer " + userToken, 403, "AUTH_UNAUTHORIZED", "Admin access required"},
		{"admin: a token of an unknown role", "/adm", "Authorization: Bearer " + oddToken, 403, "AUTH_UNAUTHORIZED", "Admin access required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			a := s.do(t, "GET", tt.path, nil, headers...)
			e := a.Envelope()
			if a.Status != tt.status || string(e.Error) != tt.code || e.Message != tt.message {
				t.Errorf("got %d %s %q, want %d %s %q", a.Status, e.Error, e.Message, tt.status, tt.code, tt.message)
			}
		})
	}
}

func TestABadAuthorizationIsNotRepairedByApikey(t *testing.T) {
	t.Parallel()
	s := serve(t, gatedRoutes)
	for _, header := range []string{"Bearer x.y.z", "Bearer ", "Basic dTpw", userToken} {
		if a := s.do(t, "GET", "/lib", nil, "Authorization: "+header, "apikey: "+apiKey); a.Status != http.StatusUnauthorized {
			t.Errorf("%q: got %d %q, want 401", header, a.Status, a.Text)
		}
	}
}
