// Package resttest is what tests of routes share: a caller of each kind, a
// clock that is moved by hand, routes behind the real gates and error envelope,
// and answers to check.
//
//	c := resttest.New(t, "/api/secrets", func(r rest.Router) { service.Mount(r) })
//	c.OnlyAdmins("GET", "", "")
//	c.Refused(c.Call("GET", "/none", ""), 404, fault.SecretNotFound, "not found")
package resttest

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// The credentials that Callers knows, as Authorization headers.
const (
	AdminToken = "Bearer admin.access.token"
	UserToken  = "Bearer user.access.token"
	// OddToken is valid, but has a role that the project does not know.
	OddToken = "Bearer odd.access.token"
	AnonKey  = "Bearer anon_test"
	APIKey   = "Bearer ik_test"
)

// Who the credentials belong to.
const (
	// AdminActor is how the audit log names the holder of AdminToken.
	AdminActor = "local:admin"
	UserID     = "11111111-1111-4111-8111-111111111111"
	UserEmail  = "u@example.com"
)

// TokenOf is a credential of another user, by a UUID.
func TokenOf(userID string) string { return "Bearer " + userID }

// Callers is a rest.Authenticator with one credential of each kind, and one of
// every other user.
type Callers struct{}

// APIKey implements rest.Authenticator.
func (Callers) APIKey(_ context.Context, key string) (identity.Principal, error) {
	if "Bearer "+key != APIKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key")
	}
	return identity.NewAdmin(identity.APIKey, ""), nil
}

// AnonKey implements rest.Authenticator.
func (Callers) AnonKey(_ context.Context, key string) (identity.Principal, error) {
	if "Bearer "+key != AnonKey {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "Invalid anon key")
	}
	return identity.Anonymous(identity.AnonKey), nil
}

// AccessToken implements rest.Authenticator.
func (Callers) AccessToken(_ context.Context, token string) (identity.Principal, error) {
	switch "Bearer " + token {
	case AdminToken:
		return identity.NewAdmin(identity.Admin, AdminActor), nil
	case UserToken:
		return identity.NewUser(UserID, UserEmail, nil), nil
	case OddToken:
		return identity.Principal{}, fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Unknown role in token")
	}
	if _, err := uuid.Parse(token); err == nil {
		return identity.NewUser(token, UserEmail, nil), nil
	}
	return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token")
}
