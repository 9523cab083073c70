package federated

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)

	r.POST("/id-token", rest.Public, s.handleIDToken, s.idTokens.Middleware, body)

	r.GET("/oauth/configs", rest.Admin, s.configs.handleList)
	r.POST("/oauth/configs", rest.Admin, s.configs.handleCreate, body)
	r.POST("/oauth/exchange", rest.Public, s.handleExchangeCode, body)

	r.GET("/oauth/custom/configs", rest.Admin, s.configs.handleListCustom)
	r.POST("/oauth/custom/configs", rest.Admin, s.configs.handleCreateCustom, body)
	r.GET("/oauth/custom/:key/config", rest.Admin, s.configs.handleCustom)
	r.PUT("/oauth/custom/:key/config", rest.Admin, s.configs.handleUpdateCustom, body)
	r.DELETE("/oauth/custom/:key/config", rest.Admin, s.configs.handleDeleteCustom)
	r.GET("/oauth/custom/:key", rest.Public, s.handleStart(customVia))
	r.GET("/oauth/custom/:key/callback", rest.Public, s.handleCallback(customVia))

	r.GET("/oauth/:provider/config", rest.Admin, s.configs.handleConfig)
	r.PUT("/oauth/:provider/config", rest.Admin, s.configs.handleUpdate, body)
	r.DELETE("/oauth/:provider/config", rest.Admin, s.configs.handleDelete)
	r.GET("/oauth/:provider", rest.Public, s.handleStart(builtInVia))
	r.GET("/oauth/:provider/callback", rest.Public, s.handleCallback(builtInVia))
	r.POST("/oauth/:provider/callback", rest.Public, s.handleCallback(builtInVia), body)
}

// builtInVia returns the provider that a path names, or 400 INVALID_INPUT.
func builtInVia(c rest.Context) (providerRef, error) {
	name := oauth.Name(rest.Param(c, "provider"))
	if !slices.Contains(oauth.Names(), name) {
		return providerRef{}, fault.Invalid("provider: Unknown OAuth provider").
			Next("Use a built-in provider, or /api/auth/oauth/custom/<key> for a custom one.")
	}
	return providerRef{name: name}, nil
}

const maxCustomKey = 64

var customKey = regexp.MustCompile(`^[a-z0-9_-]+$`)

// customVia returns the custom provider that a path names, or 400 INVALID_INPUT
// for an impossible key.
func customVia(c rest.Context) (providerRef, error) {
	key := rest.Param(c, "key")
	if complaint := customKeyRule(key); complaint != "" {
		return providerRef{}, fault.Invalid("key: " + complaint).Next("Use the key of a custom provider.")
	}
	return providerRef{name: oauth.Name(key), custom: true}, nil
}

// customKeyRule requires a key that fits into a path and does not name another
// way to sign in: links are stored under it.
func customKeyRule(key string) string {
	switch {
	case len(key) > maxCustomKey || !customKey.MatchString(key):
		return "Must be 1 to 64 characters of a-z, 0-9, _ and -"
	case slices.Contains(oauth.Names(), oauth.Name(key)) || key == "email":
		return "Is the name of a built-in way to sign in"
	}
	return ""
}

const (
	maxFurtherParams = 20
	maxFurtherBytes  = 1024
)

// codeChallengeForm is the form of a code challenge and of its verifier. RFC
// 7636 §4.
var codeChallengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// handleStart serves "GET /api/auth/oauth/:provider" and "GET
// /api/auth/oauth/custom/:key".
func (s *Service) handleStart(viaOf func(rest.Context) (providerRef, error)) rest.Handler {
	return func(c rest.Context) error {
		via, err := viaOf(c)
		if err != nil {
			return err
		}
		in, err := startOf(c.Request().URL.Query())
		if err != nil {
			return err
		}
		address, err := s.start(c.Request().Context(), via, in)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, map[string]string{"authUrl": address})
	}
}

// startOf reads the parameters of a start. Repeated ones are ambiguous and are
// dropped.
func startOf(query url.Values) (startInput, error) {
	in := startInput{further: map[string]string{}}
	for name, values := range query {
		if len(values) != 1 {
			continue
		}
		switch value := values[0]; {
		case name == "redirect_uri":
			in.redirectURI = value
		case name == "code_challenge":
			in.challenge = value
		case len(in.further) < maxFurtherParams && len(name)+len(value) <= maxFurtherBytes && value != "":
			in.further[name] = value
		}
	}
	if in.redirectURI == "" {
		return in, fault.Invalid("redirect_uri: Required").Next("Send the address of the page that the user comes back to.")
	}
	if !codeChallengeForm.MatchString(in.challenge) {
		return in, fault.Invalid("code_challenge: Must be 43 to 128 characters of A-Z, a-z, 0-9, ., _, ~ and -").
			Next("Send the base64url SHA-256 of a code verifier.")
	}
	return in, nil
}

// handleCallback serves "GET" and "POST
// /api/auth/oauth/:provider/callback" and "GET
// /api/auth/oauth/custom/:key/callback".
func (s *Service) handleCallback(viaOf func(rest.Context) (providerRef, error)) rest.Handler {
	return func(c rest.Context) error {
		if c.Request().Method == http.MethodHead { // from a scanner; it must not use anything up
			return fault.New(http.StatusMethodNotAllowed, fault.InvalidInput, "A sign-in is completed with GET or POST")
		}
		via, err := viaOf(c)
		if err != nil {
			return err
		}
		in, err := callbackOf(c)
		if err != nil {
			return err
		}
		address, err := s.finish(c.Request().Context(), via, in)
		if err != nil {
			return err
		}
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer") // the address of this request holds a code
		return c.Redirect(http.StatusFound, address)
	}
}

// callbackOf reads what the provider sent the browser back with. Repeated
// parameters are dropped, since someone else may have added the second one.
func callbackOf(c rest.Context) (callbackInput, error) {
	values := c.Request().URL.Query()
	if c.Request().Method == http.MethodPost {
		media, _, _ := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
		err := c.Request().ParseForm()
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return callbackInput{}, rest.TooLarge(err)
		}
		if err != nil || media != "application/x-www-form-urlencoded" {
			return callbackInput{}, fault.Invalid("The body is not a form").Because(err)
		}
		values = c.Request().PostForm
	}
	one := func(name string) string {
		if len(values[name]) != 1 {
			return ""
		}
		return values.Get(name)
	}
	in := callbackInput{
		state:    one("state"),
		callback: oauth.Callback{Code: one("code"), Issuer: one("iss"), User: one("user")},
		refusal:  one("error"),
	}
	if in.state == "" {
		return in, errBadState()
	}
	if in.callback.Code == "" && in.refusal == "" {
		return in, fault.Invalid("code: Required").Next("Start the sign-in again.")
	}
	return in, nil
}

// handleExchangeCode serves "POST /api/auth/oauth/exchange".
func (s *Service) handleExchangeCode(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	code := f.String("code", rest.MinLength(1))
	verifier := f.String("code_verifier", rest.MinLength(43), rest.MaxLength(128))
	if err := f.Err(); err != nil {
		return err
	}
	user, err := s.exchangeCode(c.Request().Context(), code, verifier)
	if err != nil {
		return err
	}
	g, err := s.sessions.Open(c.Request().Context(), sessions.ClientOf(c), user, "")
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.sessions.HandOut(c, user, g))
}
