package tokens_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/insforge/insforge-go/primitives/auth/tokens"
)

const sharedSecret = "reallyreallyreallyreallyverysafe"

var issued = time.Unix(1_700_000_000, 0)

func verifier(t *testing.T, secret, audience string) *tokens.Verifier {
	t.Helper()
	v, err := tokens.NewVerifier([]byte(secret), audience, func() time.Time { return issued })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signed returns a token over the text of claims.
func signed(t *testing.T, alg jwa.SignatureAlgorithm, key any, claims string) string {
	t.Helper()
	token, err := jws.Sign([]byte(claims), jws.WithKey(alg, key))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// jwkOf returns the JWK of a raw key, with further members.
func jwkOf(t *testing.T, raw any, members ...string) string {
	t.Helper()
	key, err := jwk.FromRaw(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(members); i += 2 {
		if err := key.Set(members[i], members[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func messageOf(v *tokens.Verifier, token string) string {
	claims, err := v.Verify(token)
	switch {
	case err == nil:
		return "good " + string(claims)
	case claims != nil:
		return "claims beside the error " + err.Error()
	}
	return err.Error()
}

func TestVerifierSpeaksAsPostgREST(t *testing.T) {
	t.Parallel()
	v := verifier(t, sharedSecret, "io tests")
	claims := func(text string) string { return signed(t, jwa.HS256, []byte(sharedSecret), text) }
	good := claims(`{"role":"a"}`)
	header, _, _ := strings.Cut(good, ".")
	const badSignature, future = "JWSError JWSInvalidSignature", "JWTIssuedAtFuture"
	for _, c := range []struct{ name, token, want string }{
		{"a good token", good, `good {"role":"a"}`},
		{"big numbers keep their digits", claims(`{"n":12345678901234567890}`), `good {"n":12345678901234567890}`},
		{"another secret", signed(t, jwa.HS256, []byte(strings.Repeat("x", 32)), `{}`), badSignature},
		{"another algorithm with the secret", signed(t, jwa.HS512, []byte(sharedSecret+sharedSecret), `{}`), badSignature},
		{"a changed payload", header + ".e30." + good[strings.LastIndex(good, ".")+1:], badSignature},
		{"no signature", header + ".e30.", badSignature},
		{"two parts", header + ".e30", "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 2)"},
		{"one part", "x", "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)"},
		{"five parts", "a.b.c.d.e", "JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 5)"},
		{"the algorithm none", "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.yOBhlOIqn56T-4NvyEXCjfi3UmyQZ-BzXtePMO2NgRI", "JWSError JWSNoSignatures"},
		{"a header that is not JSON", "eA.e30.eA", `JWSError (JSONDecodeError "the header is not a JSON object")`},
		{"a token of many bytes", header + "." + strings.Repeat("e", 1<<20) + ".x", badSignature},
		{"claims that are no object", claims(`[]`), "Parsing claims failed"},
		{"claims with more behind them", claims(`{}{}`), "Parsing claims failed"},
		{"claims with another brace behind them", claims(`{}}`), "Parsing claims failed"},
		{"claims with a bracket behind them", claims(`{"role":"x"} ]`), "Parsing claims failed"},
		{"claims that are null", claims(`null`), "Parsing claims failed"},
		{"expired, within the leeway", claims(`{"exp":1699999970}`), `good {"exp":1699999970}`},
		{"expired", claims(`{"exp":1699999969}`), "JWT expired"},
		{"an expiry that is a string", claims(`{"exp":"9999999999"}`), "The JWT 'exp' claim must be a number"},
		{"an expiry that is a boolean", claims(`{"exp":true}`), "The JWT 'exp' claim must be a number"},
		{"an expiry that is a list", claims(`{"exp":[9999999999]}`), "The JWT 'exp' claim must be a number"},
		{"an expiry beyond every number", claims(`{"exp":1e999}`), "The JWT 'exp' claim must be a number"},
		{"an expiry that is null is absent", claims(`{"exp":null}`), `good {"exp":null}`},
		{"an expiry with a fraction", claims(`{"exp":1700000000.5}`), `good {"exp":1700000000.5}`},
		{"a start that is a string", claims(`{"nbf":"0"}`), "The JWT 'nbf' claim must be a number"},
		{"a start that is an object", claims(`{"nbf":{}}`), "The JWT 'nbf' claim must be a number"},
		{"a time of issue that is a string", claims(`{"iat":"0"}`), "The JWT 'iat' claim must be a number"},
		{"an audience that is an object", claims(`{"aud":{"io tests":1}}`), "The JWT 'aud' claim must be a string or an array of strings"},
		{"an audience that is a number", claims(`{"aud":1}`), "The JWT 'aud' claim must be a string or an array of strings"},
		{"an audience among other things", claims(`{"aud":["io tests",{}]}`), "The JWT 'aud' claim must be a string or an array of strings"},
		{"an audience that is null is absent", claims(`{"aud":null}`), `good {"aud":null}`},
		{"no audience among none", claims(`{"aud":[]}`), `good {"aud":[]}`},
		{"an issuer that is a number", claims(`{"iss":1}`), "The JWT 'iss' claim must be a string"},
		{"a subject that is a number", claims(`{"sub":1}`), "The JWT 'sub' claim must be a string"},
		{"an id that is a list", claims(`{"jti":[]}`), "The JWT 'jti' claim must be a string"},
		{"a number in another claim that no float64 holds", claims(`{"n":1e999}`), `good {"n":1e999}`},
		{"not yet valid, within the leeway", claims(`{"nbf":1700000030}`), `good {"nbf":1700000030}`},
		{"not yet valid", claims(`{"nbf":1700000031}`), "JWTNotYetValid"},
		{"issued in the future, within the leeway", claims(`{"iat":1700000030}`), `good {"iat":1700000030}`},
		{"issued in the future", claims(`{"iat":1700000031}`), future},
		{"for the audience", claims(`{"aud":"io tests"}`), `good {"aud":"io tests"}`},
		{"for the audience and others", claims(`{"aud":["x","io tests"]}`), `good {"aud":["x","io tests"]}`},
		{"for another audience", claims(`{"aud":"x"}`), "JWTNotInAudience"},
		{"for other audiences", claims(`{"aud":["x"]}`), "JWTNotInAudience"},
	} {
		if got := messageOf(v, c.token); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	anybody := verifier(t, sharedSecret, "")
	long := `{"groups":"` + strings.Repeat("x", 1<<19) + `"}`
	for text, want := range map[string]string{
		`{"aud":"x"}`:     `good {"aud":"x"}`,
		`{"aud":["x",1]}`: "The JWT 'aud' claim must be a string or an array of strings",
		long:              "good " + long,
	} {
		if got := messageOf(anybody, claims(text)); got != want {
			t.Errorf("without an audience of its own: %.40s: got %.80q, want %.80q", text, got, want)
		}
	}
}

func TestVerifierTakesKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(sharedSecret)
	set := `{"keys":[` + strings.Join([]string{
		jwkOf(t, &rsaKey.PublicKey, "kid", "one"), jwkOf(t, &ecKey.PublicKey), jwkOf(t, edPublic), jwkOf(t, secret, "alg", "HS256"),
	}, ",") + `]}`
	for _, c := range []struct {
		name, secret string
		alg          jwa.SignatureAlgorithm
		key          any
		good         bool
	}{
		{"a JWK with a secret", jwkOf(t, secret), jwa.HS256, secret, true},
		{"a JWK with a short secret", jwkOf(t, []byte("short")), jwa.HS256, []byte("short"), true},
		{"a JWK of RSA", jwkOf(t, &rsaKey.PublicKey), jwa.RS256, rsaKey, true},
		{"a private JWK", jwkOf(t, rsaKey), jwa.RS512, rsaKey, true},
		{"RSA with PSS", jwkOf(t, &rsaKey.PublicKey), jwa.PS256, rsaKey, true},
		{"a JWK for one algorithm, and another", jwkOf(t, &rsaKey.PublicKey, "alg", "RS256"), jwa.PS256, rsaKey, false},
		{"a JWK of a curve", jwkOf(t, &ecKey.PublicKey), jwa.ES256, ecKey, true},
		{"a set: RSA", set, jwa.RS256, rsaKey, true},
		{"a set: a curve", set, jwa.ES256, ecKey, true},
		{"a set: Edwards", set, jwa.EdDSA, edKey, true},
		{"a set: a secret", set, jwa.HS256, secret, true},
		{"a set: a secret with another algorithm", set, jwa.HS512, secret, false},
		{"a set: a key that is not in it", set, jwa.HS256, []byte(strings.Repeat("x", 32)), false},
		{"a key for encryption beside one that signs", `{"keys":[` + jwkOf(t, secret, "use", "enc") + `,` + jwkOf(t, &ecKey.PublicKey) + `]}`, jwa.HS256, secret, false},
	} {
		want := "JWSError JWSInvalidSignature"
		if c.good {
			want = `good {"role":"r"}`
		}
		if got := messageOf(verifier(t, c.secret, ""), signed(t, c.alg, c.key, `{"role":"r"}`)); got != want {
			t.Errorf("%s: got %q, want %q", c.name, got, want)
		}
	}

	// Anyone has the public half: it must never be taken for a secret.
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := jwkOf(t, &rsaKey.PublicKey)
	for _, known := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), rsaKey.N.Bytes(), []byte(public)} {
		if got := messageOf(verifier(t, public, ""), signed(t, jwa.HS256, known, `{}`)); got != "JWSError JWSInvalidSignature" {
			t.Errorf("HMAC over public bytes: got %q", got)
		}
	}
	// Nor may a token bring its own key or demand extensions that we lack.
	own, err := jwk.FromRaw(&ecKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set("jwk", own); err != nil {
		t.Fatal(err)
	}
	token, err := jws.Sign([]byte(`{}`), jws.WithKey(jwa.ES256, ecKey, jws.WithProtectedHeaders(headers)))
	if err != nil {
		t.Fatal(err)
	}
	if got := messageOf(verifier(t, sharedSecret, ""), string(token)); got != "JWSError JWSInvalidSignature" {
		t.Errorf("a token with its own key: got %q", got)
	}
}

func TestSecretsThatCannotBeUsedAreRefusedWithoutRepeatingThem(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat(jwkOf(t, []byte(sharedSecret))+",", 65), ",")
	for name, secret := range map[string]string{
		"a short one":      "hunter2",
		"an empty one":     "",
		"JSON of no key":   `{"hunter2":"` + strings.Repeat("x", 40) + `"}`,
		"an unknown type":  `{"kty":"hunter2"}`,
		"a set of nothing": `{"keys":[]}`,
		"only encryption":  jwkOf(t, []byte(sharedSecret), "use", "enc"),
		"too many keys":    `{"keys":[` + many + `]}`,
	} {
		_, err := tokens.NewVerifier([]byte(secret), "", time.Now)
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), sharedSecret) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func FuzzVerifier(f *testing.F) {
	f.Add("a.b.c")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + ".e30.AAAA")
	v, err := tokens.NewVerifier([]byte(sharedSecret), "", time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(token); err == nil {
			t.Errorf("%q was accepted", token)
		}
	})
}
