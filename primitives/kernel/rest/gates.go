package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// Authenticator finds out who presents a credential. Each method returns a
// *fault.Error that the gate User may return unchanged.
type Authenticator interface {
	// APIKey returns the administrator's principal, or 401
	// AUTH_INVALID_API_KEY.
	APIKey(ctx context.Context, key string) (identity.Principal, error)
	// AnonKey returns the anonymous principal, or 401
	// AUTH_INVALID_CREDENTIALS.
	AnonKey(ctx context.Context, key string) (identity.Principal, error)
	// AccessToken returns the principal of a verified JWT, 401
	// AUTH_UNAUTHORIZED, or 403 when its role is not one of the project's.
	AccessToken(ctx context.Context, token string) (identity.Principal, error)
}

// Gate decides who may use a route.
type Gate func(r *http.Request, auth Authenticator) (identity.Principal, error)

const (
	apiKeyPrefix  = "ik_"
	anonKeyPrefix = "anon_"
	bearer        = "Bearer " // case-sensitive by contract
)

// credentials are what a request presents. Which kind it is follows from its
// shape; a bad one of one kind is never tried as another.
type credentials struct {
	apiKey string // from the x-api-key header, or a Bearer ik_…
	token  string // any Bearer credential
}

func credentialsOf(r *http.Request) credentials {
	var c credentials
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), bearer); ok {
		c = bearerCredential(token)
	}
	if key := r.Header.Get("X-Api-Key"); key != "" {
		c.apiKey = key
	}
	return c
}

func bearerCredential(token string) credentials {
	c := credentials{token: token}
	if strings.HasPrefix(token, apiKeyPrefix) {
		c.apiKey = token
	}
	return c
}

func noToken(message string) *fault.Error {
	return fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, message).
		Next("Send the header Authorization: Bearer <token>, with a user's access token, the anon key or the API key.")
}

// Public lets everyone in and ignores credentials, even bad ones.
func Public(*http.Request, Authenticator) (identity.Principal, error) {
	return identity.Anonymous(identity.Nobody), nil
}

// User lets in the API key, the anon key and access tokens.
func User(r *http.Request, auth Authenticator) (identity.Principal, error) {
	return credentialsOf(r).user(r.Context(), auth)
}

// LibraryUser is User for the client libraries of PostgREST: where neither
// Authorization nor x-api-key is sent, the header apikey, which those libraries
// add on their own, is as good as a Bearer credential. It is not a cookie: no
// browser sends it unless a script that has the key says so.
func LibraryUser(r *http.Request, auth Authenticator) (identity.Principal, error) {
	c := credentialsOf(r)
	if key := r.Header.Get("Apikey"); key != "" && r.Header.Get("Authorization") == "" && c.apiKey == "" {
		c = bearerCredential(key)
	}
	return c.user(r.Context(), auth)
}

func (c credentials) user(ctx context.Context, auth Authenticator) (identity.Principal, error) {
	switch {
	case c.apiKey != "":
		return auth.APIKey(ctx, c.apiKey)
	case c.token == "":
		return identity.Principal{}, noToken("No token provided")
	case strings.HasPrefix(c.token, anonKeyPrefix):
		return auth.AnonKey(ctx, c.token)
	}
	return auth.AccessToken(ctx, c.token)
}

// JWT lets in access tokens only; keys fail as invalid tokens.
func JWT(r *http.Request, auth Authenticator) (identity.Principal, error) {
	c := credentialsOf(r)
	if c.token == "" {
		return identity.Principal{}, noToken("No token provided")
	}
	return auth.AccessToken(r.Context(), c.token)
}

// Admin lets in the API key and administrators' access tokens.
func Admin(r *http.Request, auth Authenticator) (identity.Principal, error) {
	c := credentialsOf(r)
	if c.apiKey != "" {
		return auth.APIKey(r.Context(), c.apiKey)
	}
	if c.token == "" {
		return identity.Principal{}, noToken("No admin token provided")
	}
	p, err := auth.AccessToken(r.Context(), c.token)
	if err != nil && !forbidden(err) {
		return identity.Principal{}, err
	}
	if err != nil || !p.IsAdmin() {
		return identity.Principal{}, fault.New(http.StatusForbidden, fault.AuthUnauthorized, "Admin access required").
			Next("Use the project's API key or sign in as an administrator.")
	}
	return p, nil
}

// forbidden reports whether err is about a valid token with a role that the
// project does not know.
func forbidden(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Status == http.StatusForbidden
}

// Key lets in the API key only.
func Key(r *http.Request, auth Authenticator) (identity.Principal, error) {
	c := credentialsOf(r)
	if c.apiKey == "" {
		return identity.Principal{}, fault.New(http.StatusUnauthorized, fault.AuthInvalidAPIKey, "No API key provided").
			Next("Send the project's API key in the header x-api-key.")
	}
	return auth.APIKey(r.Context(), c.apiKey)
}
