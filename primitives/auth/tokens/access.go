package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
	"unicode/utf8"
)

// AccessLifetime is how long an access token is valid.
const AccessLifetime = 15 * time.Minute

// ErrSubject is returned for a valid token without a subject.
var ErrSubject = errors.New("invalid token subject")

// Claims are what a verified access token says.
type Claims struct {
	// Subject is not empty. It is any text for tokens of third parties.
	Subject string
	// Email and Role are empty when the token has none. Role is not checked
	// against the project's roles.
	Email, Role string
	// Session is the id of the session that the token belongs to; empty for
	// those without one and for tokens of third parties, regardless of their
	// claims.
	Session string
	// ExpiresAt is when the token becomes invalid: when it expires, or earlier if
	// its key does. It is zero for a token that does not expire.
	ExpiresAt time.Time
	// All are all claims; numbers are json.Number.
	All map[string]any
}

// accessClaims is the payload of the access tokens that a project issues.
type accessClaims struct {
	Subject  string `json:"sub"`
	Email    string `json:"email,omitempty"`
	Role     string `json:"role"`
	Session  string `json:"session_id,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// Access returns an access token, valid for AccessLifetime. email may be
// empty, and so may session, the id of the session that it belongs to.
func (a *Authority) Access(subject, email, role, session string) (string, error) {
	now := a.now()
	return a.signRS256(accessClaims{
		Subject:  subject,
		Email:    email,
		Role:     role,
		Session:  session,
		IssuedAt: now.Unix(),
		Expires:  now.Add(AccessLifetime).Unix(),
	})
}

// SharedAccess returns an access token that is signed with the project's secret,
// as third parties sign theirs, for a caller that has the secret but not the key
// pair.
func SharedAccess(secret, subject, role string, issued, expires time.Time) (string, error) {
	if secret == "" {
		return "", errors.New("JWT secret is empty")
	}
	a := Authority{secret: []byte(secret)}
	return a.signHS256(accessClaims{Subject: subject, Role: role, IssuedAt: issued.Unix(), Expires: expires.Unix()})
}

// VerifyAccess returns what an access token says. A token of a third party,
// signed HS256 with the project's secret, is as good as one of ours; issuer and
// audience are ignored.
//
// It returns ErrSubject for a valid token without a subject, ErrUnknownKey for
// one that names a key which this Authority does not know, and ErrInvalid for
// anything else, including refresh tokens.
func (a *Authority) VerifyAccess(token string) (Claims, error) {
	payload, by, err := a.verify(token)
	if err != nil {
		return Claims{}, err
	}
	all, err := decodeClaims(payload)
	if err != nil {
		return Claims{}, err
	}
	c := Claims{All: all}
	if c.ExpiresAt, err = a.checkTimes(all); err != nil {
		return Claims{}, err
	}
	if c.ExpiresAt.IsZero() || !by.until.IsZero() && by.until.Before(c.ExpiresAt) {
		c.ExpiresAt = by.until // no longer than its key
	}
	if all["type"] == refreshType {
		return Claims{}, ErrInvalid
	}
	var ok bool
	if c.Subject, ok = all["sub"].(string); !ok || c.Subject == "" {
		return Claims{}, ErrSubject
	}
	if c.Role, ok = all["role"].(string); !ok && all["role"] != nil {
		return Claims{}, ErrInvalid
	}
	c.Email, _ = all["email"].(string)
	if by.ours {
		c.Session, _ = all["session_id"].(string)
	}
	return c, nil
}

// decodeClaims decodes a payload that Postgres can store as jsonb, because
// policies read the claims there: valid UTF-8, no NUL.
func decodeClaims(payload []byte) (map[string]any, error) {
	if !utf8.Valid(payload) || bytes.Contains(payload, []byte(`\u0000`)) {
		return nil, ErrInvalid
	}
	return decodeObject(payload)
}

// decodeObject decodes a JSON object with nothing behind it. It keeps the text
// of numbers, since float64 cannot represent all of them.
func decodeObject(payload []byte) (all map[string]any, err error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if err := dec.Decode(&all); err != nil || all == nil {
		return nil, ErrInvalid
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, ErrInvalid
	}
	return all, nil
}

// checkTimes refuses a token that has expired or is not valid yet, to the second
// and without leeway, and returns its expiry, zero when it has none.
func (a *Authority) checkTimes(all map[string]any) (expires time.Time, err error) {
	now := a.now()
	if expires, err = numericDate(all["exp"]); err != nil {
		return expires, err
	}
	if !expires.IsZero() && !now.Before(expires) {
		return expires, ErrInvalid
	}
	starts, err := numericDate(all["nbf"])
	if err != nil || now.Before(starts) {
		return expires, ErrInvalid
	}
	return expires, nil
}

// numericDate reads seconds since 1970, fractions cut off (RFC 7519 §2); zero
// for an absent claim.
func numericDate(claim any) (time.Time, error) {
	if claim == nil {
		return time.Time{}, nil
	}
	n, ok := claim.(json.Number)
	if !ok {
		return time.Time{}, ErrInvalid
	}
	seconds, err := n.Float64()
	const most = 1 << 40 // far beyond any date, well within what time.Unix keeps in order
	if err != nil || seconds < 0 || seconds > most {
		return time.Time{}, ErrInvalid
	}
	return time.Unix(int64(seconds), 0), nil
}
