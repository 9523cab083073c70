package tokens

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"
)

// RefreshLifetime is how long a refresh token, and the cookie that holds it,
// is valid.
const RefreshLifetime = 7 * 24 * time.Hour

const (
	refreshType = "refresh"
	issuer      = "insforge"
	nonceBytes  = 32
)

// Audience tells sessions of users and administrators apart; a token of one
// is no good for the other.
type Audience string

// The two audiences.
const (
	ForUser  Audience = "user"
	ForAdmin Audience = "admin"
)

// Session is what a refresh token stands for.
type Session struct {
	// Subject is the user's id or the administrator's label.
	Subject  string
	Audience Audience
	// Nonce ties the CSRF token to the session. It stays when the session is
	// refreshed.
	Nonce string
}

// NewSession returns a session with a fresh nonce.
func NewSession(subject string, audience Audience) Session {
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce) // never fails: crypto/rand aborts the process instead
	return Session{Subject: subject, Audience: audience, Nonce: base64.RawURLEncoding.EncodeToString(nonce)}
}

type refreshClaims struct {
	Subject  string   `json:"sub"`
	Type     string   `json:"type"`
	Issuer   string   `json:"iss"`
	Nonce    string   `json:"csrfNonce"`
	Audience Audience `json:"sessionType"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

// Refresh returns a refresh token for s, valid for RefreshLifetime.
func (a *Authority) Refresh(s Session) (string, error) {
	now := a.now()
	return a.signHS256(refreshClaims{
		Subject:  s.Subject,
		Type:     refreshType,
		Issuer:   issuer,
		Nonce:    s.Nonce,
		Audience: s.Audience,
		IssuedAt: now.Unix(),
		Expires:  now.Add(RefreshLifetime).Unix(),
	})
}

// VerifyRefresh returns the session that a refresh token of this audience
// stands for, or ErrInvalid.
func (a *Authority) VerifyRefresh(token string, audience Audience) (Session, error) {
	payload, err := a.verify(token)
	if err != nil {
		return Session{}, err
	}
	var c refreshClaims
	if json.Unmarshal(payload, &c) != nil ||
		c.Type != refreshType || c.Issuer != issuer || c.Audience != audience ||
		c.Subject == "" || c.Nonce == "" || a.now().Unix() >= c.Expires {
		return Session{}, ErrInvalid
	}
	return Session{Subject: c.Subject, Audience: c.Audience, Nonce: c.Nonce}, nil
}

// CSRF returns the token that a browser must send beside the cookie of s.
func (a *Authority) CSRF(s Session) string {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte("insforge:csrf:v1:" + string(s.Audience) + ":" + s.Subject + ":" + s.Nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckCSRF reports whether presented is the CSRF token of s.
func (a *Authority) CheckCSRF(s Session, presented string) bool {
	return subtle.ConstantTimeCompare([]byte(a.CSRF(s)), []byte(presented)) == 1
}
