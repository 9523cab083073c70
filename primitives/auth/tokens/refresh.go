package tokens

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// RefreshLifetime is how long a refresh token, and the cookie that holds it,
// is valid.
const RefreshLifetime = 7 * 24 * time.Hour

const (
	refreshType = "refresh"
	issuer      = "insforge"
	randomBytes = 32
)

// Audience distinguishes sessions of users from those of administrators; a token
// for one is invalid for the other.
type Audience string

// The two audiences.
const (
	ForUser  Audience = "user"
	ForAdmin Audience = "admin"
)

// Session is what a refresh token represents: a session, and the place of the
// token in the chain of tokens that the session has had.
type Session struct {
	// ID is the id of the session, a UUID. A refresh keeps it.
	ID string
	// Subject is the user's id or the administrator's label.
	Subject  string
	Audience Audience
	// Nonce ties the CSRF token to the session. A refresh keeps it.
	Nonce string
	// Generation counts the tokens before this one, and Key is the secret that
	// only its holder has.
	Generation int64
	Key        string
}

// NewSession returns a session whose first token has not been handed out yet.
func NewSession(subject string, audience Audience) Session {
	return Session{ID: uuid.NewString(), Subject: subject, Audience: audience, Nonce: random(), Key: random()}
}

func random() string {
	raw := make([]byte, randomBytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Digest is what is stored of a token: enough to recognise it, not to make it.
func (s Session) Digest() []byte {
	digest := sha256.Sum256([]byte(s.Key))
	return digest[:]
}

// Successor is the token that s is exchanged for. It is derived from s and the
// project's secret, so that a client that asks twice gets the same one although
// only digests are stored.
func (a *Authority) Successor(s Session) Session {
	s.Generation++
	mac := hmac.New(sha256.New, a.secret)
	fmt.Fprintf(mac, "insforge:refresh:v1:%s:%d:%s", s.ID, s.Generation, s.Key)
	s.Key = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return s
}

type refreshClaims struct {
	Subject    string   `json:"sub"`
	Type       string   `json:"type"`
	Issuer     string   `json:"iss"`
	Nonce      string   `json:"csrfNonce"`
	Audience   Audience `json:"sessionType"`
	ID         string   `json:"sid"`
	Generation int64    `json:"gen"`
	Key        string   `json:"jti"`
	IssuedAt   int64    `json:"iat"`
	Expires    int64    `json:"exp"`
}

// Refresh returns a refresh token for s, valid for RefreshLifetime.
func (a *Authority) Refresh(s Session) (string, error) {
	now := a.now()
	return a.signHS256(refreshClaims{
		Subject:    s.Subject,
		Type:       refreshType,
		Issuer:     issuer,
		Nonce:      s.Nonce,
		Audience:   s.Audience,
		ID:         s.ID,
		Generation: s.Generation,
		Key:        s.Key,
		IssuedAt:   now.Unix(),
		Expires:    now.Add(RefreshLifetime).Unix(),
	})
}

// VerifyRefresh returns what a refresh token of this audience represents, or
// ErrInvalid. The caller must check that the session has not ended and that
// the token is its latest.
func (a *Authority) VerifyRefresh(token string, audience Audience) (Session, error) {
	payload, _, err := a.verify(token)
	if err != nil {
		return Session{}, err
	}
	var c refreshClaims
	if json.Unmarshal(payload, &c) != nil ||
		c.Type != refreshType || c.Issuer != issuer || c.Audience != audience ||
		c.Subject == "" || c.Nonce == "" || c.Key == "" || c.Generation < 0 || uuid.Validate(c.ID) != nil ||
		a.now().Unix() >= c.Expires {
		return Session{}, ErrInvalid
	}
	return Session{
		ID: c.ID, Subject: c.Subject, Audience: c.Audience, Nonce: c.Nonce, Generation: c.Generation, Key: c.Key,
	}, nil
}

// CSRF returns the token that a browser must send along with the cookie of s.
func (a *Authority) CSRF(s Session) string {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte("insforge:csrf:v1:" + string(s.Audience) + ":" + s.Subject + ":" + s.Nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckCSRF reports whether presented is the CSRF token of s.
func (a *Authority) CheckCSRF(s Session, presented string) bool {
	return subtle.ConstantTimeCompare([]byte(a.CSRF(s)), []byte(presented)) == 1
}
