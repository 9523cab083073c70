package standalone

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

// maxVerified bounds the tokens of one of the two generations that are
// remembered, maxRememberedBytes how long one of them may be.
const (
	maxVerified        = 1000
	maxRememberedBytes = 4 << 10
)

type tokenDigest [sha256.Size]byte

// verified is the caller of a token that was checked, until it expires. The
// other claims about time, once true, stay true.
type verified struct {
	caller  engine.Caller
	expires time.Time // zero is never
}

// authenticate turns the bearer token into a caller.
func (s *Server) authenticate(r *http.Request) (engine.Caller, *request.Error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return s.callerOf(map[string]any{})
	}
	if s.verify == nil {
		return engine.Caller{}, request.NewError(http.StatusInternalServerError, "PGRST300", "Server lacks JWT secret")
	}
	digest := tokenDigest(sha256.Sum256([]byte(token)))
	if v, ok := s.verified.Get(digest); ok && (v.expires.IsZero() || time.Now().Before(v.expires)) {
		return v.caller, nil
	}
	text, err := s.verify(token)
	if err != nil {
		return engine.Caller{}, unauthorized("PGRST301", err.Error(),
			`Bearer error="invalid_token", error_description=`+strconv.Quote(err.Error()))
	}
	claims := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return engine.Caller{}, unauthorized("PGRST301", "JWT claims are not an object", "Bearer")
	}
	expires, bounded := expiry(claims)
	caller, failure := s.callerOf(claims)
	if failure == nil && bounded && len(token) <= maxRememberedBytes {
		s.verified.Put(digest, verified{caller, expires})
	}
	return caller, failure
}

// expiry returns when a token expires, the zero time for never. ok is false
// where no time.Time holds it.
func expiry(claims map[string]any) (expires time.Time, ok bool) {
	switch v := claims["exp"].(type) {
	case nil:
		return time.Time{}, true
	case json.Number:
		seconds, err := v.Int64()
		return time.Unix(seconds, 0), err == nil
	}
	return time.Time{}, false
}

// callerOf takes the role out of claims, which it changes.
func (s *Server) callerOf(claims map[string]any) (engine.Caller, *request.Error) {
	role, ok := lookup(claims, s.config.RoleClaim)
	if !ok {
		role = s.config.AnonRole
	}
	if role == "" {
		return engine.Caller{}, unauthorized("PGRST302", "Anonymous access is disabled", "Bearer")
	}
	claims["role"] = role
	text, err := json.Marshal(claims)
	if err != nil { // they were decoded from JSON
		panic("standalone: claims do not encode: " + err.Error())
	}
	return engine.Caller{Role: role, Claims: string(text)}, nil
}

func unauthorized(code, message, challenge string) *request.Error {
	e := request.NewError(http.StatusUnauthorized, code, message)
	e.Header = http.Header{"Www-Authenticate": {challenge}}
	return e
}
