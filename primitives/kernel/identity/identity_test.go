package identity_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

func TestEachKindOfCallerHasItsRoleAndClaims(t *testing.T) {
	t.Parallel()
	claims := map[string]any{"sub": "forged", "role": "project_admin", "email": "e@x.co", "n": json.Number("12345678901234567890")}
	for _, tt := range []struct {
		name   string
		who    identity.Principal
		role   identity.Role
		actor  string
		admin  bool
		claims string
	}{
		{"nobody", identity.Anonymous(identity.Nobody), identity.RoleAnon, "", false, `{"role":"anon"}`},
		{"the anon key", identity.Anonymous(identity.AnonKey), identity.RoleAnon, "", false, `{"role":"anon"}`},
		{"the API key has no sub", identity.NewAdmin(identity.APIKey, ""), identity.RoleProjectAdmin, "api-key", true, `{"role":"project_admin"}`},
		{"an administrator's label is no sub", identity.NewAdmin(identity.Admin, "local:admin"), identity.RoleProjectAdmin, "local:admin", true, `{"role":"project_admin"}`},
		{"a user's claims cannot forge role or sub", identity.NewUser("u1", "e@x.co", claims), identity.RoleAuthenticated, "u1", false,
			`{"email":"e@x.co","n":12345678901234567890,"role":"authenticated","sub":"u1"}`},
		{"the zero value", identity.Principal{}, identity.RoleAnon, "", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.who.Role() != tt.role || tt.who.Actor() != tt.actor || tt.who.IsAdmin() != tt.admin || tt.who.Claims != tt.claims {
				t.Errorf("got %s %q %v %s, want %s %q %v %s", tt.who.Role(), tt.who.Actor(), tt.who.IsAdmin(), tt.who.Claims,
					tt.role, tt.actor, tt.admin, tt.claims)
			}
		})
	}
	if claims["role"] != "project_admin" {
		t.Error("the token's claims were changed")
	}
}

func TestAContextWithoutACallerHasTheAnonymousOne(t *testing.T) {
	t.Parallel()
	same := cmp.AllowUnexported(identity.Principal{})
	if diff := cmp.Diff(identity.Anonymous(identity.Nobody), identity.From(context.Background()), same); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := identity.CallFrom(context.Background()); got != (identity.Call{}) {
		t.Errorf("got %+v, want the zero call", got)
	}
	admin := identity.NewAdmin(identity.Admin, "local:admin")
	call := identity.Call{RequestID: "r", ClientIP: netip.MustParseAddr("1.1.1.1")}
	ctx := identity.WithCall(identity.With(context.Background(), admin), call)
	if diff := cmp.Diff(admin, identity.From(ctx), same); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := identity.CallFrom(ctx); got != call {
		t.Errorf("got %+v, want %+v", got, call)
	}
}
