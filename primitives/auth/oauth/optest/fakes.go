package optest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
)

// The registration that the fakes know. Apple's secret is a key, see
// AppleSecret.
const (
	ClientID     = "the-client"
	ClientSecret = "the secret/of+the client"
)

// Person is a user with an account at a provider.
type Person struct {
	ID, Email, Name, Username, Avatar string
	Verified                          bool
	// Principal is the name that Microsoft knows the person by.
	Principal string
}

// wire is what a provider's interface requires of its clients.
type wire struct {
	scope       string
	pkce, nonce bool
	basic       bool // client authentication in the header
	params      map[string]string
}

var wires = map[oauth.Name]wire{
	oauth.Google:    {scope: "openid email profile", pkce: true, nonce: true, params: map[string]string{"access_type": "offline"}},
	oauth.GitHub:    {scope: "user:email", pkce: true},
	oauth.Discord:   {scope: "identify email", pkce: true},
	oauth.LinkedIn:  {scope: "openid profile email"},
	oauth.Facebook:  {scope: "email,public_profile"},
	oauth.Apple:     {scope: "name email", nonce: true, params: map[string]string{"response_mode": "form_post"}},
	oauth.X:         {scope: "tweet.read users.read", pkce: true, basic: true},
	oauth.Microsoft: {scope: "User.Read", pkce: true},
}

// code is a code that was issued, and later its access token.
type code struct {
	provider                      oauth.Name
	person                        Person
	challenge, nonce, redirectURI string
}

// Fakes are strict fakes of the built-in providers on one server. A request
// that no provider would accept fails the test.
type Fakes struct {
	t       testing.TB
	server  *httptest.Server
	Key     *rsa.PrivateKey // signs ID tokens under KeyID
	KeyID   string
	mu      sync.Mutex
	codes   map[string]code
	tokens  map[string]code
	fetched map[string]int // requests by path
	// Change alters the claims of the ID tokens that codes are exchanged for.
	Change func(claims map[string]any)
}

// NewFakes serves the fakes until the test ends.
func NewFakes(t testing.TB) *Fakes {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &Fakes{t: t, Key: key, KeyID: "key-1", codes: map[string]code{}, tokens: map[string]code{}, fetched: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{provider}/token", f.token)
	mux.HandleFunc("GET /{provider}/jwks", f.jwks)
	mux.HandleFunc("GET /{provider}/profile", f.profile)
	mux.HandleFunc("GET /{provider}/emails", f.emails)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.fetched[r.URL.Path]++
		f.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.server.Close)
	return f
}

// Providers are the built-in providers, at the fakes.
func (f *Fakes) Providers() []oauth.Provider {
	all := oauth.Builtin()
	for i := range all {
		base := f.server.URL + "/" + string(all[i].Name)
		e := &all[i].Endpoints
		e.Authorize, e.Token = base+"/authorize", base+"/token"
		if e.Profile != "" {
			e.Profile = base + "/profile"
		}
		if e.Emails != "" {
			e.Emails = base + "/emails"
		}
		if e.Issuer != "" {
			e.Issuer, e.JWKS = base, base+"/jwks"
		}
	}
	return all
}

// Provider is one of Providers.
func (f *Fakes) Provider(name oauth.Name) oauth.Provider {
	all := f.Providers()
	return all[slices.IndexFunc(all, func(p oauth.Provider) bool { return p.Name == name })]
}

// Fetched is how often a path was requested, such as "/google/jwks".
func (f *Fakes) Fetched(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetched[path]
}

// Authorize takes a browser that was sent to authURL, where a person signs in,
// and returns the parameters that it is sent back with.
func (f *Fakes) Authorize(name oauth.Name, authURL string, who Person) url.Values {
	f.t.Helper()
	u, err := url.Parse(authURL)
	if err != nil {
		f.t.Fatal(err)
	}
	if got, want := u.Scheme+"://"+u.Host+u.Path, f.Provider(name).Authorize; got != want {
		f.t.Fatalf("the browser is sent to %s, want %s", got, want)
	}
	w, q := wires[name], u.Query()
	want := map[string]string{
		"client_id": ClientID, "response_type": "code", "scope": w.scope,
		"redirect_uri": q.Get("redirect_uri"), "state": q.Get("state"),
	}
	maps.Copy(want, w.params)
	if w.nonce {
		want["nonce"] = q.Get("nonce")
	}
	if w.pkce {
		want["code_challenge"], want["code_challenge_method"] = q.Get("code_challenge"), "S256"
	}
	for param, value := range want {
		if len(q[param]) != 1 || q.Get(param) != value || value == "" {
			f.t.Errorf("%s: got %s=%q in the authorization request, want %q", name, param, q[param], value)
		}
	}
	for param := range q {
		if _, known := want[param]; !known {
			f.t.Errorf("%s: got %s=%q in the authorization request, want none", name, param, q[param])
		}
	}
	if len(q.Get("state")) > 500 {
		f.t.Errorf("%s: the state has %d characters, and X takes 500", name, len(q.Get("state")))
	}
	text := rand.Text()
	f.mu.Lock()
	f.codes[text] = code{
		provider: name, person: who, challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirectURI: q.Get("redirect_uri"),
	}
	f.mu.Unlock()
	return url.Values{"code": {text}, "state": {q.Get("state")}}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q,"error_description":"the-description may hold secrets"}`, code)
}

// token exchanges a code, which works once.
func (f *Fakes) token(w http.ResponseWriter, r *http.Request) {
	name := oauth.Name(r.PathValue("provider"))
	if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		f.t.Errorf("%s: got a token request with type %q, want a form", name, r.Header.Get("Content-Type"))
	}
	f.mu.Lock()
	c, ok := f.codes[r.PostForm.Get("code")]
	delete(f.codes, r.PostForm.Get("code"))
	f.mu.Unlock()
	if !ok || c.provider != name {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	want := map[string]string{
		"grant_type": "authorization_code", "code": r.PostForm.Get("code"), "redirect_uri": c.redirectURI,
	}
	wire := wires[name]
	if !wire.basic {
		want["client_id"], want["client_secret"] = ClientID, ClientSecret
	}
	if name == oauth.Apple {
		want["client_secret"] = f.checkedAppleSecret(r.PostForm.Get("client_secret"))
	}
	if wire.pkce {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
			f.t.Errorf("%s: the code verifier does not match the challenge", name)
		}
		want["code_verifier"] = r.PostForm.Get("code_verifier")
	}
	for param := range r.PostForm {
		if r.PostForm.Get(param) != want[param] || len(r.PostForm[param]) != 1 {
			f.t.Errorf("%s: got a token request with another %s than wanted", name, param)
		}
	}
	for param, value := range want {
		if r.PostForm.Get(param) != value {
			f.t.Errorf("%s: got a token request without the right %s", name, param)
		}
	}
	id, secret, basic := r.BasicAuth()
	if basic != wire.basic || basic && (id != url.QueryEscape(ClientID) || secret != url.QueryEscape(ClientSecret)) {
		f.t.Errorf("%s: got client authentication by header %v, want %v with the client's secret", name, basic, wire.basic)
	}
	f.grant(w, name, c)
}

func (f *Fakes) grant(w http.ResponseWriter, name oauth.Name, c code) {
	token := rand.Text()
	f.mu.Lock()
	f.tokens[token] = c
	f.mu.Unlock()
	if name == oauth.GitHub { // which answers with a form unless asked otherwise
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		fmt.Fprint(w, url.Values{"access_token": {token}, "token_type": {"bearer"}, "scope": {"user:email"}}.Encode())
		return
	}
	answer := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "a-refresh-token"}
	if f.Provider(name).Issuer != "" {
		answer["id_token"] = f.IDToken(f.claims(name, c))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *Fakes) claims(name oauth.Name, c code) map[string]any {
	claims := f.Claims(name, c.person)
	if wires[name].nonce {
		claims["nonce"] = c.nonce
	}
	if f.Change != nil {
		f.Change(claims)
	}
	return claims
}

// Claims are those of a valid ID token about a person, without nonce.
func (f *Fakes) Claims(name oauth.Name, who Person) map[string]any {
	claims := map[string]any{
		"iss": f.Provider(name).Issuer, "aud": ClientID, "sub": who.ID,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	if who.Email != "" {
		claims["email"], claims["email_verified"] = who.Email, who.Verified
		if name == oauth.Apple { // which sometimes writes booleans as strings
			claims["email_verified"] = fmt.Sprint(who.Verified)
		}
	}
	if name != oauth.Apple {
		claims["name"], claims["picture"] = who.Name, who.Avatar
	}
	return claims
}

// IDToken signs claims as the providers do.
func (f *Fakes) IDToken(claims map[string]any) string {
	f.t.Helper()
	return Sign(f.t, jose.RS256, f.Key, f.KeyID, claims)
}

// Sign returns a token in compact form, with any key and algorithm.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if keyID != "" {
		options = options.WithHeader("kid", keyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options.WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (f *Fakes) jwks(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &f.Key.PublicKey, KeyID: f.KeyID, Algorithm: "RS256", Use: "sig"},
	}})
}

// Break makes the providers unreachable.
func (f *Fakes) Break() { f.server.Close() }

// Rotate replaces the key that signs ID tokens.
func (f *Fakes) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Key, f.KeyID = key, "key-"+rand.Text()
}

// bearer returns the owner of the access token of a request.
func (f *Fakes) bearer(w http.ResponseWriter, r *http.Request) (who Person, token string, ok bool) {
	token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.mu.Lock()
	c, ok := f.tokens[token]
	f.mu.Unlock()
	if !ok || c.provider != oauth.Name(r.PathValue("provider")) {
		f.t.Errorf("%s: got a request without a token of it", r.URL.Path)
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return Person{}, "", false
	}
	return c.person, token, true
}

func (f *Fakes) profile(w http.ResponseWriter, r *http.Request) {
	who, token, ok := f.bearer(w, r)
	if !ok {
		return
	}
	var want url.Values
	var answer any
	switch name := oauth.Name(r.PathValue("provider")); name {
	case oauth.GitHub:
		if r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client") {
			f.t.Errorf("GitHub wants the name of the application as User-Agent, got %q", r.UserAgent())
		}
		answer = map[string]any{"id": json.Number(who.ID), "login": who.Username, "name": who.Name, "avatar_url": who.Avatar, "email": "shown@example.com"}
	case oauth.Discord:
		answer = map[string]any{"id": who.ID, "username": who.Username, "global_name": who.Name, "avatar": who.Avatar, "email": orNull(who.Email), "verified": who.Verified}
	case oauth.Facebook:
		proof := hmac.New(sha256.New, []byte(ClientSecret))
		proof.Write([]byte(token))
		want = url.Values{"fields": {"id,name,email,picture.type(large)"}, "appsecret_proof": {hex.EncodeToString(proof.Sum(nil))}}
		user := map[string]any{"id": who.ID, "name": who.Name, "picture": map[string]any{"data": map[string]any{"url": who.Avatar}}}
		if who.Email != "" {
			user["email"] = who.Email
		}
		answer = user
	case oauth.Microsoft:
		answer = map[string]any{"id": who.ID, "displayName": who.Name, "mail": orNull(who.Email), "userPrincipalName": who.Principal}
	case oauth.X:
		want = url.Values{"user.fields": {"id,name,username,profile_image_url"}}
		answer = map[string]any{"data": map[string]any{"id": who.ID, "name": who.Name, "username": who.Username, "profile_image_url": who.Avatar}}
	default:
		f.t.Errorf("%s has no profile to ask for", name)
	}
	if r.URL.Query().Encode() != want.Encode() {
		f.t.Errorf("%s: got the query %s, want %s", r.URL.Path, r.URL.RawQuery, want.Encode())
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// emails is GitHub's list of addresses.
func (f *Fakes) emails(w http.ResponseWriter, r *http.Request) {
	who, _, ok := f.bearer(w, r)
	if !ok {
		return
	}
	all := []map[string]any{{"email": "other@example.com", "primary": false, "verified": true}}
	if who.Email != "" {
		all = append(all, map[string]any{"email": who.Email, "primary": true, "verified": who.Verified})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}
