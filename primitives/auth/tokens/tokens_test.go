package tokens_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"hash"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
)

const secret = "a secret of the project, long enough"

var start = time.Unix(1_800_000_000, 0)

// pairs are made once: generating an RSA key is slow.
var (
	firstPair  = sync.OnceValues(tokens.GenerateKey)
	secondPair = sync.OnceValues(tokens.GenerateKey)
)

func pair(t *testing.T, generate func() (tokens.KeyPair, error)) tokens.KeyPair {
	t.Helper()
	p, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// authority returns an Authority whose clock is set to start plus after.
func authority(t *testing.T, after time.Duration) *tokens.Authority {
	t.Helper()
	a, err := tokens.New(tokens.Config{
		Secret:  secret,
		Signing: pair(t, firstPair),
		Now:     func() time.Time { return start.Add(after) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func mac(h func() hash.Hash, key []byte) func(string) []byte {
	return func(input string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(input))
		return m.Sum(nil)
	}
}

func hs256(key string) func(string) []byte { return mac(sha256.New, []byte(key)) }

func rs256(t *testing.T, p tokens.KeyPair) func(string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(p.PrivatePEM))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
		if err != nil {
			t.Error(err)
		}
		return sig
	}
}

// forge signs any header and payload.
func forge(header, payload string, sign func(string) []byte) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(sign(input))
}

func TestAccessTokenHasExactlyTheClaimsOfTheContract(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	token, err := a.Access("some-id", "a@b.co", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3", len(parts))
	}
	want := []map[string]any{
		{"alg": "RS256", "typ": "JWT", "kid": pair(t, firstPair).ID},
		{"sub": "some-id", "email": "a@b.co", "role": "authenticated", "iat": 1.8e9, "exp": 1.8e9 + 900},
	}
	for i := range want {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Error(diff)
		}
	}
	claims, err := a.VerifyAccess(token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "some-id" || claims.Email != "a@b.co" || claims.Role != "authenticated" || !claims.ExpiresAt.Equal(start.Add(15*time.Minute)) {
		t.Errorf("got %+v", claims)
	}
}

func TestAccessTokenExpiresToTheSecond(t *testing.T) {
	t.Parallel()
	token, err := authority(t, 0).Access("id", "", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority(t, 15*time.Minute-time.Nanosecond).VerifyAccess(token); err != nil {
		t.Errorf("got %v just before the expiry, want none", err)
	}
	if _, err := authority(t, 15*time.Minute).VerifyAccess(token); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v at the expiry, want ErrInvalid", err)
	}
}

func TestTokensOfThirdPartiesAreAccepted(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	const header = `{"alg":"HS256","typ":"JWT"}`
	for _, tc := range []struct{ name, header, payload, subject, role string }{
		{"any text is a subject", header, `{"sub":"user_2abc|google","role":"authenticated","exp":1800000001}`, "user_2abc|google", "authenticated"},
		{"no expiry", header, `{"sub":"anon","role":"anon"}`, "anon", "anon"},
		{"no role", header, `{"sub":"x"}`, "x", ""},
		{"null role", header, `{"sub":"x","role":null}`, "x", ""},
		{"issuer and audience are not looked at", header, `{"sub":"x","iss":"https://elsewhere","aud":["a","b"]}`, "x", ""},
		{"foreign kid with HS256", `{"alg":"HS256","kid":"theirs"}`, `{"sub":"x"}`, "x", ""},
		{"fraction of a second", header, `{"sub":"x","exp":1800000001.5,"nbf":1799999999.2}`, "x", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := a.VerifyAccess(forge(tc.header, tc.payload, hs256(secret)))
			if err != nil || got.Subject != tc.subject || got.Role != tc.role {
				t.Errorf("got %+v, %v, want subject %q, role %q", got, err, tc.subject, tc.role)
			}
		})
	}
}

func TestLargeNumbersInClaimsKeepTheirDigits(t *testing.T) {
	t.Parallel()
	got, err := authority(t, 0).VerifyAccess(forge(`{"alg":"HS256"}`, `{"sub":"x","org":9007199254740993}`, hs256(secret)))
	if err != nil {
		t.Fatal(err)
	}
	if got.All["org"] != json.Number("9007199254740993") {
		t.Errorf("got %v, want 9007199254740993", got.All["org"])
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	first, second := pair(t, firstPair), pair(t, secondPair)
	a := authority(t, 0)
	good := `{"sub":"x","role":"project_admin"}`
	kid := `{"alg":"RS256","kid":"` + first.ID + `"}`
	access, err := a.Access("x", "", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	refresh, err := a.Refresh(tokens.NewSession("x", tokens.ForUser))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(first.PEM))
	none := func(string) []byte { return nil }
	dot := strings.LastIndexByte(access, '.')
	tests := map[string]string{
		"empty":                                      "",
		"not a token":                                "hello",
		"two dots only":                              "..",
		"anon key":                                   "anon_" + strings.Repeat("0", 64),
		"refresh token":                              refresh,
		"refresh token signed with the key pair":     forge(kid, `{"sub":"x","type":"refresh"}`, rs256(t, first)),
		"alg none":                                   forge(`{"alg":"none"}`, good, none),
		"alg none with our kid":                      forge(`{"alg":"none","kid":"`+first.ID+`"}`, good, none),
		"alg None in other letters":                  forge(`{"alg":"nOnE"}`, good, none),
		"alg none signed with the secret":            forge(`{"alg":"none"}`, good, hs256(secret)),
		"no alg signed with the secret":              forge(`{}`, good, hs256(secret)),
		"RS256 header signed with the secret":        forge(kid, good, hs256(secret)),
		"RS256 without kid signed with the secret":   forge(`{"alg":"RS256"}`, good, hs256(secret)),
		"RS256 unknown kid signed with the secret":   forge(`{"alg":"RS256","kid":"kid_x"}`, good, hs256(secret)),
		"HMAC over the public PEM":                   forge(`{"alg":"HS256"}`, good, hs256(first.PEM)),
		"HMAC over the public PEM with our kid":      forge(`{"alg":"HS256","kid":"`+first.ID+`"}`, good, hs256(first.PEM)),
		"HMAC over the public DER":                   forge(`{"alg":"HS256","kid":"`+first.ID+`"}`, good, mac(sha256.New, block.Bytes)),
		"HMAC with an empty key":                     forge(`{"alg":"HS256"}`, good, hs256("")),
		"HS384 with the secret":                      forge(`{"alg":"HS384"}`, good, mac(sha512.New384, []byte(secret))),
		"HS512 with the secret":                      forge(`{"alg":"HS512"}`, good, mac(sha512.New, []byte(secret))),
		"HS256 header signed with our key pair":      forge(`{"alg":"HS256","kid":"`+first.ID+`"}`, good, rs256(t, first)),
		"another key pair under our kid":             forge(kid, good, rs256(t, second)),
		"another key pair under its own kid":         forge(`{"alg":"RS256","kid":"`+second.ID+`"}`, good, rs256(t, second)),
		"key pair without kid":                       forge(`{"alg":"RS256"}`, good, rs256(t, first)),
		"embedded key":                               forge(`{"alg":"RS256","jwk":{"kty":"RSA"}}`, good, rs256(t, second)),
		"key to fetch":                               forge(`{"alg":"RS256","jku":"http://127.0.0.1/jwks"}`, good, rs256(t, second)),
		"critical extension":                         forge(`{"alg":"HS256","crit":["b64"],"b64":false}`, good, hs256(secret)),
		"another secret":                             forge(`{"alg":"HS256"}`, good, hs256("other")),
		"changed payload":                            strings.Split(access, ".")[0] + "." + b64([]byte(good)) + access[dot:],
		"signature cut off":                          access[:dot+1],
		"signature cut short":                        access[:len(access)-4],
		"trailing part":                              access + ".x",
		"JSON form":                                  `{"payload":"` + b64([]byte(good)) + `","protected":"` + b64([]byte(`{"alg":"HS256"}`)) + `","signature":"` + b64(hs256(secret)(b64([]byte(`{"alg":"HS256"}`))+"."+b64([]byte(good)))) + `"}`,
		"expired":                                    forge(`{"alg":"HS256"}`, `{"sub":"x","exp":1800000000}`, hs256(secret)),
		"expiry is text":                             forge(`{"alg":"HS256"}`, `{"sub":"x","exp":"1900000000"}`, hs256(secret)),
		"expiry is beyond all dates":                 forge(`{"alg":"HS256"}`, `{"sub":"x","exp":1e300}`, hs256(secret)),
		"expiry is negative":                         forge(`{"alg":"HS256"}`, `{"sub":"x","exp":-1}`, hs256(secret)),
		"expiry overflows":                           forge(`{"alg":"HS256"}`, `{"sub":"x","exp":1e999}`, hs256(secret)),
		"not valid yet":                              forge(`{"alg":"HS256"}`, `{"sub":"x","nbf":1800000001}`, hs256(secret)),
		"role is a list":                             forge(`{"alg":"HS256"}`, `{"sub":"x","role":["project_admin"]}`, hs256(secret)),
		"payload is a list":                          forge(`{"alg":"HS256"}`, `["sub"]`, hs256(secret)),
		"payload is null":                            forge(`{"alg":"HS256"}`, `null`, hs256(secret)),
		"payload is empty":                           forge(`{"alg":"HS256"}`, ``, hs256(secret)),
		"two payloads":                               forge(`{"alg":"HS256"}`, good+good, hs256(secret)),
		"NUL in the subject":                         forge(`{"alg":"HS256"}`, `{"sub":"x\u0000"}`, hs256(secret)),
		"NUL in a claim that policies may read":      forge(`{"alg":"HS256"}`, `{"sub":"x","org":{"name":"\u0000"}}`, hs256(secret)),
		"payload is not UTF-8":                       forge(`{"alg":"HS256"}`, "{\"sub\":\"x\xff\"}", hs256(secret)),
		"larger than any header":                     forge(`{"alg":"HS256"}`, `{"sub":"`+strings.Repeat("x", 20_000)+`"}`, hs256(secret)),
		"OAuth state with the type of another token": forge(`{"alg":"HS256"}`, `{"sub":"x","type":"refresh","provider":"google"}`, hs256(secret)),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := a.VerifyAccess(token); !errors.Is(err, tokens.ErrInvalid) {
				t.Errorf("got %+v, %v, want ErrInvalid", got, err)
			}
		})
	}
}

func TestTokenWithoutSubjectIsReported(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	for _, payload := range []string{`{}`, `{"role":"anon"}`, `{"sub":""}`, `{"sub":null}`, `{"sub":42}`, `{"provider":"google","redirectUri":"https://a.b"}`} {
		if _, err := a.VerifyAccess(forge(`{"alg":"HS256"}`, payload, hs256(secret))); !errors.Is(err, tokens.ErrSubject) {
			t.Errorf("%s: got %v, want ErrSubject", payload, err)
		}
	}
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	t.Parallel()
	session := tokens.NewSession("user-1", tokens.ForUser)
	token, err := authority(t, 0).Refresh(session)
	if err != nil {
		t.Fatal(err)
	}
	got, err := authority(t, 7*24*time.Hour-time.Second).VerifyRefresh(token, tokens.ForUser)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(session, got); diff != "" {
		t.Error(diff)
	}
	if _, err := authority(t, 7*24*time.Hour).VerifyRefresh(token, tokens.ForUser); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v after seven days, want ErrInvalid", err)
	}
	if _, err := authority(t, 0).VerifyRefresh(token, tokens.ForAdmin); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v for the other audience, want ErrInvalid", err)
	}
	if other := tokens.NewSession("user-1", tokens.ForUser); other.Nonce == session.Nonce || len(session.Nonce) != 43 {
		t.Errorf("got nonces %q and %q, want two of 43 characters", session.Nonce, other.Nonce)
	}
}

func TestSuccessorIsTheSameWhenAskedForTwice(t *testing.T) {
	t.Parallel()
	first := tokens.NewSession("user-1", tokens.ForUser)
	a := authority(t, 0)
	second := a.Successor(first)
	if diff := cmp.Diff(second, authority(t, time.Hour).Successor(first)); diff != "" {
		t.Error(diff)
	}
	want := first
	want.Generation, want.Key = 1, second.Key
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error("more than the generation and the key changed", diff)
	}
	guess := second
	guess.Generation = 0
	for _, other := range []tokens.Session{first, a.Successor(second), a.Successor(guess)} {
		if other.Key == second.Key || string(other.Digest()) == string(second.Digest()) {
			t.Errorf("got the key of another token at generation %d", other.Generation)
		}
	}
}

func TestSessionOfAnAccessToken(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	token, err := a.Access("x", "", "authenticated", "s-1")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := a.VerifyAccess(token); err != nil || c.Session != "s-1" || c.All["session_id"] != "s-1" {
		t.Errorf("got %+v, %v, want session s-1", c, err)
	}
	// What third parties sign says nothing about our sessions.
	foreign := forge(`{"alg":"HS256"}`, `{"sub":"x","session_id":"s-1","sid":"s-1"}`, hs256(secret))
	if c, err := a.VerifyAccess(foreign); err != nil || c.Session != "" {
		t.Errorf("got %+v, %v, want no session", c, err)
	}
}

func TestSharedAccessIsAccepted(t *testing.T) {
	t.Parallel()
	token, err := tokens.SharedAccess(secret, "local:admin", "project_admin", start, start.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := authority(t, 0).VerifyAccess(token); err != nil || c.Subject != "local:admin" || c.Role != "project_admin" || c.Session != "" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := authority(t, time.Minute).VerifyAccess(token); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v after a minute, want ErrInvalid", err)
	}
	if token, err := tokens.SharedAccess("", "x", "authenticated", start, start); err == nil {
		t.Errorf("got %q for an empty secret", token)
	}
}

func TestRetiredKeyStopsVerifyingAtItsTime(t *testing.T) {
	t.Parallel()
	first, second := pair(t, firstPair), pair(t, secondPair)
	at := start
	rotated, err := tokens.New(tokens.Config{
		Secret: secret, Signing: second,
		Retired: []tokens.RetiredKey{{PublicKey: first.PublicKey, Until: start.Add(10 * time.Minute)}},
		Now:     func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := authority(t, 0).Access("x", "", "authenticated", "") // valid for a quarter of an hour
	if err != nil {
		t.Fatal(err)
	}
	if c, err := rotated.VerifyAccess(old); err != nil || !c.ExpiresAt.Equal(start.Add(10*time.Minute)) {
		t.Errorf("got %v, %v, want the time that the key ends", c.ExpiresAt, err)
	}
	at = start.Add(10 * time.Minute)
	if _, err := rotated.VerifyAccess(old); !errors.Is(err, tokens.ErrInvalid) || errors.Is(err, tokens.ErrUnknownKey) {
		t.Errorf("got %v, want ErrInvalid of a known key", err)
	}
	if got := kids(t, rotated); !cmp.Equal(got, []string{second.ID}) {
		t.Errorf("got kids %v, want the signing one only", got)
	}
	if _, err := authority(t, 0).VerifyAccess(forge(`{"alg":"RS256","kid":"other"}`, `{"sub":"x"}`, hs256(secret))); !errors.Is(err, tokens.ErrUnknownKey) {
		t.Errorf("got %v, want ErrUnknownKey", err)
	}
}

func TestOnlyRefreshTokensRefresh(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	access, err := a.Access("x", "", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change func(map[string]any)) string {
		m := map[string]any{
			"sub": "x", "type": "refresh", "iss": "insforge", "csrfNonce": "n", "sessionType": "user", "exp": 1.9e9,
			"sid": "3a3a3a3a-3a3a-3a3a-3a3a-3a3a3a3a3a3a", "gen": 0, "jti": "k",
		}
		change(m)
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return forge(`{"alg":"HS256"}`, string(raw), hs256(secret))
	}
	if _, err := a.VerifyRefresh(claims(func(map[string]any) {}), tokens.ForUser); err != nil {
		t.Fatalf("got %v for the unchanged claims, want none", err)
	}
	for name, token := range map[string]string{
		"access token":       access,
		"third-party token":  forge(`{"alg":"HS256"}`, `{"sub":"x"}`, hs256(secret)),
		"no expiry":          claims(func(m map[string]any) { delete(m, "exp") }),
		"another issuer":     claims(func(m map[string]any) { m["iss"] = "elsewhere" }),
		"no issuer":          claims(func(m map[string]any) { delete(m, "iss") }),
		"another type":       claims(func(m map[string]any) { m["type"] = "access" }),
		"no nonce":           claims(func(m map[string]any) { delete(m, "csrfNonce") }),
		"no session":         claims(func(m map[string]any) { delete(m, "sid") }),
		"session by name":    claims(func(m map[string]any) { m["sid"] = "mine" }),
		"no key":             claims(func(m map[string]any) { delete(m, "jti") }),
		"before the first":   claims(func(m map[string]any) { m["gen"] = -1 }),
		"no subject":         claims(func(m map[string]any) { delete(m, "sub") }),
		"session of no one":  claims(func(m map[string]any) { delete(m, "sessionType") }),
		"claims of odd type": claims(func(m map[string]any) { m["exp"] = "never" }),
		"none":               forge(`{"alg":"none"}`, `{"sub":"x","type":"refresh","iss":"insforge","csrfNonce":"n","sessionType":"user","exp":1.9e9}`, func(string) []byte { return nil }),
		"empty":              "",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := a.VerifyRefresh(token, tokens.ForUser); !errors.Is(err, tokens.ErrInvalid) {
				t.Errorf("got %+v, %v, want ErrInvalid", got, err)
			}
		})
	}
}

func TestCSRFTokenIsTheHMACOfTheSession(t *testing.T) {
	t.Parallel()
	a := authority(t, 0)
	s := tokens.Session{Subject: "u", Audience: tokens.ForUser, Nonce: "n"}
	const want = 64
	got := a.CSRF(s)
	if len(got) != want || got != strings.ToLower(got) {
		t.Fatalf("got %q, want %d lower-case hex digits", got, want)
	}
	expected := hs256(secret)("insforge:csrf:v1:user:u:n")
	if got != hex.EncodeToString(expected) {
		t.Errorf("got %s, want %x", got, expected)
	}
	other := s
	other.Nonce = "m"
	admin := s
	admin.Audience = tokens.ForAdmin
	for _, s := range []tokens.Session{other, admin} {
		if a.CheckCSRF(s, got) {
			t.Errorf("token of another session was accepted for %+v", s)
		}
	}
	if !a.CheckCSRF(s, got) || a.CheckCSRF(s, "") || a.CheckCSRF(s, got+" ") || a.CheckCSRF(s, strings.ToUpper(got)) {
		t.Error("only the token itself may be accepted")
	}
}

func TestRetiredKeyStillVerifiesAndIsPublished(t *testing.T) {
	t.Parallel()
	first, second := pair(t, firstPair), pair(t, secondPair)
	old, err := authority(t, 0).Access("x", "", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := tokens.New(tokens.Config{
		Secret: secret, Signing: second, Retired: []tokens.RetiredKey{{PublicKey: first.PublicKey}},
		Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.VerifyAccess(old); err != nil {
		t.Errorf("token of the retired key: %v", err)
	}
	fresh, err := rotated.Access("x", "", "authenticated", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.VerifyAccess(fresh); err != nil {
		t.Errorf("token of the new key: %v", err)
	}
	if _, err := authority(t, 0).VerifyAccess(fresh); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v from an authority that does not know the new key, want ErrInvalid", err)
	}
	if got := kids(t, rotated); !cmp.Equal(got, []string{second.ID, first.ID}) {
		t.Errorf("got kids %v, want the signing one first", got)
	}
}

// jwks returns the keys of the document.
func jwks(t *testing.T, a *tokens.Authority) []map[string]string {
	t.Helper()
	document, err := a.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

func kids(t *testing.T, a *tokens.Authority) (ids []string) {
	t.Helper()
	for _, k := range jwks(t, a) {
		ids = append(ids, k["kid"])
	}
	return ids
}

func TestJWKSHoldsThePublicKeyAndNothingElse(t *testing.T) {
	t.Parallel()
	p := pair(t, firstPair)
	keys := jwks(t, authority(t, 0))
	if len(keys) != 1 {
		t.Fatalf("got %d keys, want 1", len(keys))
	}
	block, _ := pem.Decode([]byte(p.PEM))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	n := public.(*rsa.PublicKey).N
	want := map[string]string{"kty": "RSA", "e": "AQAB", "alg": "RS256", "use": "sig", "kid": p.ID, "n": b64(n.Bytes())}
	if diff := cmp.Diff(want, keys[0]); diff != "" {
		t.Error(diff)
	}
	if n.BitLen() != 2048 || n.Cmp(big.NewInt(0)) <= 0 {
		t.Errorf("got a key of %d bits, want 2048", n.BitLen())
	}
	if !strings.HasPrefix(p.ID, "kid_") || len(p.ID) != 36 {
		t.Errorf("got kid %q, want kid_ and 32 hex digits", p.ID)
	}
}

func TestUnusableKeysAreRefusedWithoutShowingThem(t *testing.T) {
	t.Parallel()
	first, second := pair(t, firstPair), pair(t, secondPair)
	now := func() time.Time { return start }
	mixed := tokens.KeyPair{PublicKey: first.PublicKey, PrivatePEM: second.PrivatePEM}
	broken := first
	broken.PrivatePEM = strings.Replace(first.PrivatePEM, "A", "B", 40)
	for name, c := range map[string]tokens.Config{
		"no secret":       {Signing: first, Now: now},
		"no keys":         {Secret: secret, Now: now},
		"no clock":        {Secret: secret, Signing: first},
		"halves differ":   {Secret: secret, Signing: mixed, Now: now},
		"damaged private": {Secret: secret, Signing: broken, Now: now},
		"public as text":  {Secret: secret, Signing: tokens.KeyPair{PublicKey: tokens.PublicKey{ID: "k", PEM: "x"}, PrivatePEM: first.PrivatePEM}, Now: now},
		"no id":           {Secret: secret, Signing: tokens.KeyPair{PublicKey: tokens.PublicKey{PEM: first.PEM}, PrivatePEM: first.PrivatePEM}, Now: now},
		"same id twice":   {Secret: secret, Signing: first, Retired: []tokens.RetiredKey{{PublicKey: first.PublicKey}}, Now: now},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tokens.New(c)
			if err == nil {
				t.Fatal("got no error")
			}
			if strings.Contains(err.Error(), "BEGIN") || strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows key material: %v", err)
			}
		})
	}
}

func FuzzVerifyAccessNeverAcceptsWhatItDidNotSign(f *testing.F) {
	p, err := firstPair()
	if err != nil {
		f.Fatal(err)
	}
	a, err := tokens.New(tokens.Config{Secret: secret, Signing: p, Now: func() time.Time { return start }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"alg":"HS256"}`, `{"sub":"x"}`, []byte("sig"))
	f.Add(`{"alg":"none","crit":[]}`, `{"exp":1e9}`, []byte{})
	f.Fuzz(func(t *testing.T, header, payload string, sig []byte) {
		token := forge(header, payload, func(string) []byte { return sig })
		if c, err := a.VerifyAccess(token); err == nil {
			t.Errorf("accepted %q as %+v", token, c)
		}
	})
}
