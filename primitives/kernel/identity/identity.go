// Package identity says who is calling. A request is authenticated once, at
// the gate of its route; the resulting Principal travels in the context.
package identity

import (
	"context"
	"encoding/json"
	"net/netip"
)

// Kind is how the caller proved who it is.
type Kind uint8

// The kinds of caller.
const (
	// Nobody presented no credential, or the route ignores credentials.
	Nobody Kind = iota
	// AnonKey presented the project's anon key or an anon token.
	AnonKey
	// User presented a user's access token.
	User
	// Admin presented an administrator's access token.
	Admin
	// APIKey presented the project's admin API key.
	APIKey
)

// Role is a database role that SQL of a caller may run as. The set is closed:
// a role name never comes from a request.
type Role string

// The three roles of a project.
const (
	RoleAnon          Role = "anon"
	RoleAuthenticated Role = "authenticated"
	RoleProjectAdmin  Role = "project_admin"
)

// Principal is one authenticated caller. The zero value is the anonymous
// caller and has no rights beyond those of the anon role.
type Principal struct {
	Kind Kind
	// Subject is the token's sub: a user id, any text of a third-party
	// token, or "local:<username>" for an administrator. Empty for keys.
	Subject string
	Email   string
	// Session is the id of the session that an access token of the project's
	// own belongs to; empty for any other credential.
	Session string
	// Claims is the JSON object that SQL sees as request.jwt.claims. Only a
	// signed-in user's has a sub: auth.uid() casts it to uuid, and an
	// administrator's label is not one.
	Claims string
	role   Role
}

// Anonymous is the caller with the anon key, or without any credential when
// kind is Nobody.
func Anonymous(kind Kind) Principal {
	return Principal{Kind: kind, role: RoleAnon, Claims: `{"role":"anon"}`}
}

// NewUser is a signed-in user. claims are the verified claims of the token;
// role is set among them regardless of what they say.
func NewUser(subject, email string, claims map[string]any) Principal {
	seen := make(map[string]any, len(claims)+2)
	for k, v := range claims {
		seen[k] = v
	}
	seen["sub"] = subject
	seen["role"] = RoleAuthenticated
	text, err := json.Marshal(seen)
	if err != nil { // claims were decoded from JSON, so they encode
		panic("identity: claims do not encode: " + err.Error())
	}
	return Principal{Kind: User, Subject: subject, Email: email, Claims: string(text), role: RoleAuthenticated}
}

// NewAdmin is a project administrator: by token (kind Admin, subject its
// label) or by API key (kind APIKey, subject empty).
func NewAdmin(kind Kind, subject string) Principal {
	return Principal{Kind: kind, Subject: subject, Claims: `{"role":"project_admin"}`, role: RoleProjectAdmin}
}

// Role is the database role the caller's SQL runs as.
func (p Principal) Role() Role {
	if p.role == "" {
		return RoleAnon
	}
	return p.role
}

// IsAdmin reports whether the caller may administer the project.
func (p Principal) IsAdmin() bool { return p.role == RoleProjectAdmin }

// Actor is the caller's name in the audit log: "api-key", the token's
// subject, or empty.
func (p Principal) Actor() string {
	if p.Kind == APIKey {
		return "api-key"
	}
	return p.Subject
}

// Call describes the request that is being served.
type Call struct {
	// RequestID ties the answer, the log lines and the SQL together.
	RequestID string
	// ClientIP is the caller's address as the trusted proxies report it.
	ClientIP netip.Addr
	// Local reports whether the caller is on this machine, as far as can be
	// seen: it connected over loopback, and no proxy passed it on for another.
	Local bool
}

// ApplicationName is the name under which Postgres shows and logs what is done
// for the call: "insforge " and the request's id, no longer than Postgres
// keeps (63 bytes). It is empty outside requests.
func (c Call) ApplicationName() string {
	if c.RequestID == "" {
		return ""
	}
	name := "insforge " + c.RequestID
	return name[:min(len(name), 63)]
}

type (
	principalKey struct{}
	callKey      struct{}
)

// With returns a context that carries p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the caller in ctx; without one, the anonymous caller. So
// forgetting to authenticate is safe.
func From(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return Anonymous(Nobody)
}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the request being served; the zero Call outside requests.
func CallFrom(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}
