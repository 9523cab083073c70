package federated

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
)

const (
	// stateLifetime is how long a user may take to sign in at a provider, which
	// may include creating an account there.
	stateLifetime = time.Hour
	stateIDBytes  = 16
	maxStateBytes = 8 << 10
)

// providerRef names the provider of a sign-in: a built-in one, or a custom one
// by the key of its configuration.
type providerRef struct {
	name   oauth.Name
	custom bool
}

// path is where the provider's routes are, below /api/auth.
func (v providerRef) path() string {
	if v.custom {
		return "/oauth/custom/" + string(v.name)
	}
	return "/oauth/" + string(v.name)
}

// state is what the parameter state of a sign-in carries through the
// provider and back. It is signed, not hidden.
type state struct {
	Provider oauth.Name `json:"p"`
	Custom   bool       `json:"u,omitempty"`
	// RedirectURI is the page of the application to return to; Challenge is what
	// the code that it gets is bound to.
	RedirectURI string `json:"r"`
	Challenge   string `json:"c"`
	ID          []byte `json:"i"`
	Expires     int64  `json:"e"` // Unix seconds
}

func (st state) via() providerRef { return providerRef{name: st.Provider, custom: st.Custom} }

// stateCodec signs states. Everything else that an attempt needs is derived from
// the id of its state with a key that only the server has. So nothing is stored
// while a user is at the provider: starting sign-ins in bulk fills no table, and
// any process on the database can finish what another started.
type stateCodec struct{ key []byte }

func newStateCodec(jwtSecret string) stateCodec {
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte("insforge:oauth:v1"))
	return stateCodec{key: mac.Sum(nil)}
}

func (k stateCodec) mac(purpose string, message []byte) []byte {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(purpose + ":"))
	mac.Write(message)
	return mac.Sum(nil)
}

// begin gives st an id and an expiry and returns its attempt.
func (k stateCodec) begin(st state, now time.Time) (oauth.Attempt, error) {
	st.ID = make([]byte, stateIDBytes)
	rand.Read(st.ID) // never fails: crypto/rand aborts the process instead
	st.Expires = now.Add(stateLifetime).Unix()
	body, err := json.Marshal(st)
	if err != nil {
		return oauth.Attempt{}, err
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return k.attempt(st, text+"."+base64.RawURLEncoding.EncodeToString(k.mac("state", []byte(text)))), nil
}

// attempt is the attempt that a state belongs to.
func (k stateCodec) attempt(st state, text string) oauth.Attempt {
	return oauth.Attempt{
		State:    text,
		Nonce:    base64.RawURLEncoding.EncodeToString(k.mac("nonce", st.ID)),
		Verifier: base64.RawURLEncoding.EncodeToString(k.mac("verifier", st.ID)),
	}
}

var errState = errors.New("state is not one of ours, or has expired")

// open decodes a state and returns its attempt too, if this project signed the
// state and it has not expired.
func (k stateCodec) open(text string, now time.Time) (st state, a oauth.Attempt, err error) {
	body, signature, ok := strings.Cut(text, ".")
	if !ok || len(text) > maxStateBytes {
		return st, a, errState
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !hmac.Equal(given, k.mac("state", []byte(body))) {
		return st, a, errState
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(raw, &st) != nil || now.Unix() >= st.Expires {
		return state{}, a, errState
	}
	return st, k.attempt(st, text), nil
}
