package auth_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth/federated"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// audits returns the actions of the audit log with their details, oldest
// first.
func (w *world) audits() string {
	w.t.Helper()
	return w.text(`SELECT coalesce(string_agg(action || ' ' || details::text, E'\n' ORDER BY created_at), '') FROM system.audit_logs WHERE module = 'AUTH'`)
}

func TestAdministratorsConfigureBuiltInProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := bearer(apiKey)
	body := map[string]any{
		"provider": "google", "clientId": "id-1", "clientSecret": "secret-1", "useSharedKey": false, "nativeClientIds": []string{"ios"},
		"redirectUri": "https://ignored.example.com", "id": "mass", "secretId": "mass", "createdAt": "mass",
	}
	a := w.do("POST", "/api/auth/oauth/configs", body, admin).OK(200)
	if got, want := a.Names(), "callbackUrl clientId createdAt id nativeClientIds provider redirectUri scopes updatedAt useSharedKey"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got := a.Body.(map[string]any)
	for _, name := range []string{"id", "createdAt", "updatedAt"} {
		if got[name] == "mass" {
			t.Errorf("%s was taken from the body", name)
		}
		delete(got, name)
	}
	want := map[string]any{
		"provider": "google", "clientId": "id-1", "nativeClientIds": []any{"ios"}, "redirectUri": nil, "useSharedKey": false,
		"scopes": []any{"openid", "email", "profile"}, "callbackUrl": baseURL + "/api/auth/oauth/google/callback",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	w.do("POST", "/api/auth/oauth/configs", body, admin).Refused(409, fault.AuthOAuthConfigAlreadyExists, "")

	one := w.do("GET", "/api/auth/oauth/google/config", nil, admin).OK(200)
	if one.String("clientSecret") != "secret-1" || one.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s, want the secret, not to be stored", one.Text)
	}
	list := w.do("GET", "/api/auth/oauth/configs", nil, admin).OK(200)
	if strings.Contains(list.Text, "secret-1") || list.At("count") != 1.0 {
		t.Errorf("got %s, want one without secret", list.Text)
	}
	if got := resttest.JSON(w.do("GET", "/api/auth/public-config", nil).OK(200).At("oAuthProviders")); got != `["google"]` {
		t.Errorf("public config: got %s", got)
	}

	changed := w.do("PUT", "/api/auth/oauth/google/config", map[string]any{
		"clientSecret": "secret-2", "scopes": []string{"openid"}, "provider": "github", "secretId": "mass",
	}, admin).OK(200)
	if changed.String("provider") != "google" || resttest.JSON(changed.At("scopes")) != `["openid"]` || changed.String("clientId") != "id-1" {
		t.Errorf("got %s", changed.Text)
	}
	if got := w.do("GET", "/api/auth/oauth/google/config", nil, admin).OK(200).String("clientSecret"); got != "secret-2" {
		t.Errorf("got secret %q, want the new one", got)
	}
	w.do("PUT", "/api/auth/oauth/google/config", map[string]any{}, admin).OK(200) // changes nothing, and is not audited
	w.do("DELETE", "/api/auth/oauth/google/config", nil, admin).OK(200)
	w.do("DELETE", "/api/auth/oauth/google/config", nil, admin).Refused(404, fault.AuthOAuthConfigNotFound, "")
	w.do("GET", "/api/auth/oauth/google/config", nil, admin).Refused(404, fault.AuthOAuthConfigNotFound, "")
	w.do("PUT", "/api/auth/oauth/google/config", body, admin).Refused(404, fault.AuthOAuthConfigNotFound, "")
	if n := w.count(`SELECT count(*) FROM system.secrets WHERE key LIKE '%CLIENT_SECRET'`); n != 0 {
		t.Errorf("got %d client secrets left, want none", n)
	}
	wantLog := strings.Join([]string{
		`CREATE_OAUTH_CONFIG {"provider": "google", "useSharedKey": false}`,
		`UPDATE_OAUTH_CONFIG {"provider": "google", "updatedFields": ["clientSecret", "scopes"]}`,
		`DELETE_OAUTH_CONFIG {"provider": "google"}`,
	}, "\n")
	if diff := cmp.Diff(wantLog, w.audits()); diff != "" {
		t.Errorf("audit: -want +got\n%s", diff)
	}
}

func TestConfigurationsOfBuiltInProvidersThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := bearer(apiKey)
	with := func(name string, value any) map[string]any {
		body := map[string]any{"provider": "github", "clientId": "id", "clientSecret": "secret", "useSharedKey": false}
		if body[name] = value; value == nil {
			delete(body, name)
		}
		return body
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = "x"
	}
	for _, tt := range []struct {
		name, message string
		body          any
		code          fault.Code
	}{
		{"no provider", "provider: Required", with("provider", nil), fault.InvalidInput},
		{"an unknown provider", "provider", with("provider", "corp"), fault.InvalidInput},
		{"no word on shared keys", "useSharedKey: Required", with("useSharedKey", nil), fault.InvalidInput},
		{"text for a boolean", "useSharedKey", with("useSharedKey", "no"), fault.InvalidInput},
		{"shared keys", "Shared keys", with("useSharedKey", true), fault.AuthOAuthConfigError},
		{"no id", "clientId", with("clientId", nil), fault.AuthOAuthConfigError},
		{"no secret", "clientSecret", with("clientSecret", nil), fault.AuthOAuthConfigError},
		{"an empty id", "clientId", with("clientId", ""), fault.InvalidInput},
		{"a NUL", "clientSecret", with("clientSecret", "a\x00b"), fault.InvalidInput},
		{"too many native clients", "nativeClientIds", with("nativeClientIds", many), fault.InvalidInput},
		{"a long native client", "nativeClientIds", with("nativeClientIds", []string{strings.Repeat("x", 256)}), fault.InvalidInput},
		{"an empty native client", "nativeClientIds", with("nativeClientIds", []string{""}), fault.InvalidInput},
		{"scopes as text", "scopes", with("scopes", "email"), fault.InvalidInput},
		{"a redirect that is not an address", "redirectUri", with("redirectUri", "nowhere"), fault.InvalidInput},
		{"a list", "Expected object", []any{}, fault.InvalidInput},
		{"no JSON", "", "{", fault.InvalidInput},
	} {
		t.Log(tt.name)
		w.do("POST", "/api/auth/oauth/configs", tt.body, admin).Refused(400, tt.code, tt.message)
	}
	apple := map[string]any{"provider": "apple", "clientId": "id", "clientSecret": "a plain secret", "useSharedKey": false}
	a := w.do("POST", "/api/auth/oauth/configs", apple, admin).Refused(400, fault.AuthOAuthConfigError, "clientSecret")
	if strings.Contains(a.Text, "a plain secret") {
		t.Error("the answer repeats the secret")
	}
	w.sql(`INSERT INTO system.secrets (key, value_ciphertext) VALUES ('GITHUB_CLIENT_SECRET', 'x')`)
	w.vault.values["GITHUB_CLIENT_SECRET"] = "x"
	w.do("POST", "/api/auth/oauth/configs", with("id", "x"), admin).Refused(409, fault.SecretAlreadyExists, "")
	for _, path := range []string{"/api/auth/oauth/corp/config", "/api/auth/oauth/%2e%2e/config"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			w.do(method, path, nil, admin).Refused(400, fault.InvalidInput, "provider")
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.oauth_configs`); n != 0 {
		t.Errorf("got %d configurations, want none", n)
	}
	if got := w.audits(); got != "" {
		t.Errorf("got audit %s, want nothing", got)
	}
}

func TestAdministratorsConfigureCustomProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := bearer(apiKey)
	body := map[string]any{
		"key": "my-idp", "name": " My IdP ", "discoveryEndpoint": "https://idp.example.com/.well-known/openid-configuration",
		"clientId": "id-1", "clientSecret": "secret-1", "id": "mass", "secretId": "mass",
	}
	a := w.do("POST", "/api/auth/oauth/custom/configs", body, admin).OK(200)
	if got, want := a.Names(), "callbackUrl clientId createdAt discoveryEndpoint id key name updatedAt"; got != want || a.String("id") == "mass" {
		t.Errorf("got %s, want %s", a.Text, want)
	}
	if got, want := a.String("callbackUrl"), baseURL+"/api/auth/oauth/custom/my-idp/callback"; got != want {
		t.Errorf("got callback %s, want %s", got, want)
	}
	if n := w.count(`SELECT count(*) FROM system.secrets WHERE key = 'CUSTOM_OAUTH_my-idp_CLIENT_SECRET'`); n != 1 {
		t.Errorf("got %d secrets of the name in the contract, want 1", n)
	}
	w.do("POST", "/api/auth/oauth/custom/configs", body, admin).Refused(409, fault.AuthOAuthConfigAlreadyExists, "")
	if got := w.do("GET", "/api/auth/oauth/custom/my-idp/config", nil, admin).OK(200).String("clientSecret"); got != "secret-1" {
		t.Errorf("got secret %q", got)
	}
	if list := w.do("GET", "/api/auth/oauth/custom/configs", nil, admin).OK(200); strings.Contains(list.Text, "secret-1") || list.At("count") != 1.0 {
		t.Errorf("got %s, want one without secret", list.Text)
	}
	if got := resttest.JSON(w.do("GET", "/api/auth/public-config", nil).OK(200).At("customOAuthProviders")); got != `["my-idp"]` {
		t.Errorf("public config: got %s", got)
	}
	changed := w.do("PUT", "/api/auth/oauth/custom/my-idp/config", map[string]any{"clientId": "id-2", "clientSecret": "secret-2", "key": "other"}, admin).OK(200)
	if changed.String("key") != "my-idp" || changed.String("clientId") != "id-2" {
		t.Errorf("got %s", changed.Text)
	}
	w.do("PUT", "/api/auth/oauth/custom/my-idp/config", map[string]any{"discoveryEndpoint": "https://169.254.169.254/"}, admin).
		Refused(400, fault.InvalidInput, "discoveryEndpoint")
	w.do("DELETE", "/api/auth/oauth/custom/my-idp/config", nil, admin).OK(200)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w.do(method, "/api/auth/oauth/custom/my-idp/config", nil, admin).Refused(404, fault.AuthOAuthConfigNotFound, "")
		w.do(method, "/api/auth/oauth/custom/My%20IdP/config", nil, admin).Refused(400, fault.InvalidInput, "key")
	}
	if n := w.count(`SELECT count(*) FROM system.secrets WHERE key LIKE 'CUSTOM_OAUTH%'`); n != 0 {
		t.Errorf("got %d secrets left, want none", n)
	}
	wantLog := strings.Join([]string{
		`CREATE_CUSTOM_OAUTH_CONFIG {"key": "my-idp", "name": "My IdP"}`,
		`UPDATE_CUSTOM_OAUTH_CONFIG {"key": "my-idp", "updatedFields": ["clientId", "clientSecret"]}`,
		`DELETE_CUSTOM_OAUTH_CONFIG {"key": "my-idp"}`,
	}, "\n")
	if diff := cmp.Diff(wantLog, w.audits()); diff != "" {
		t.Errorf("audit: -want +got\n%s", diff)
	}
}

func TestConfigurationsOfCustomProvidersThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(name string, value any) map[string]any {
		body := map[string]any{
			"key": "corp", "name": "Corp", "discoveryEndpoint": "https://idp.example.com/x", "clientId": "id", "clientSecret": "secret",
		}
		if body[name] = value; value == nil {
			delete(body, name)
		}
		return body
	}
	for _, name := range []string{"key", "name", "discoveryEndpoint", "clientId", "clientSecret"} {
		for _, value := range []any{nil, "", 1, []any{}} {
			w.do("POST", "/api/auth/oauth/custom/configs", with(name, value), bearer(apiKey)).Refused(400, fault.InvalidInput, name)
		}
	}
	for _, key := range []string{"Corp", "a b", "a/b", "..", "é", strings.Repeat("a", 65), "google", "instagram", "email"} {
		w.do("POST", "/api/auth/oauth/custom/configs", with("key", key), bearer(apiKey)).Refused(400, fault.InvalidInput, "key")
	}
	for _, address := range []string{
		"http://idp.example.com/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/", "https://10.1.2.3/", "ftp://idp.example.com/", "nowhere",
		"https://user:pass@idp.example.com/",
	} {
		w.do("POST", "/api/auth/oauth/custom/configs", with("discoveryEndpoint", address), bearer(apiKey)).Refused(400, fault.InvalidInput, "discoveryEndpoint")
	}
	if n := w.count(`SELECT count(*) FROM auth.custom_oauth_configs`) + w.count(`SELECT count(*) FROM system.secrets`); n != 0 {
		t.Errorf("got %d rows, want none", n)
	}
}

func TestOnlyAdministratorsSeeAndChangeConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.signUp("ada@example.com")
	for _, route := range []string{
		"GET /oauth/configs", "POST /oauth/configs", "GET /oauth/google/config", "PUT /oauth/google/config", "DELETE /oauth/google/config",
		"GET /oauth/custom/configs", "POST /oauth/custom/configs", "GET /oauth/custom/corp/config", "PUT /oauth/custom/corp/config", "DELETE /oauth/custom/corp/config",
	} {
		method, path, _ := strings.Cut(route, " ")
		w.do(method, "/api/auth"+path, nil).Refused(401, fault.AuthInvalidCredentials, "No admin token")
		w.do(method, "/api/auth"+path, nil, bearer(anonKey)).Refused(401, fault.AuthUnauthorized, "")
		w.do(method, "/api/auth"+path, nil, bearer(user.access)).Refused(403, fault.AuthUnauthorized, "Admin access required")
		w.do(method, "/api/auth"+path, nil, bearer("ik_wrong")).Refused(401, fault.AuthInvalidAPIKey, "")
	}
}

func TestConcurrentConfigurationsAreOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := map[string]any{"provider": "google", "clientId": "id", "clientSecret": "secret", "useSharedKey": false}
	statuses := make([]int, 6)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() { statuses[i] = w.do("POST", "/api/auth/oauth/configs", body, bearer(apiKey)).Status })
	}
	group.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	if diff := cmp.Diff(map[int]int{200: 1, 409: 5}, counts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTheEnvironmentConfiguresWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seeds := []federated.Seed{
		{Provider: "google", ClientID: "id-1", ClientSecret: "secret-1"}, {Provider: "github", ClientID: "id"}, {Provider: "discord"},
		{Provider: "apple", ClientID: "id", ClientSecret: optest.NewFakes(t).AppleSecret()},
	}
	for range 2 {
		if err := w.auth.SeedOAuth(t.Context(), seeds); err != nil {
			t.Fatal(err)
		}
		seeds[0].ClientID = "another" // what is stored stays
	}
	if got := w.text(`SELECT string_agg(provider || ' ' || client_id, ',' ORDER BY provider) FROM auth.oauth_configs`); got != "apple id,google id-1" {
		t.Errorf("got %s", got)
	}
	for _, seed := range []federated.Seed{{Provider: "corp", ClientID: "id", ClientSecret: "s"}, {Provider: string(oauth.Apple), ClientID: "id", ClientSecret: "s"}} {
		w.sql(`DELETE FROM auth.oauth_configs`)
		if err := w.auth.SeedOAuth(t.Context(), []federated.Seed{seed}); err == nil {
			t.Errorf("%s: got no error", seed.Provider)
		}
	}
}
