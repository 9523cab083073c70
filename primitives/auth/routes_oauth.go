package auth

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// mountOAuth registers the routes of sign-ins at other providers.
func (s *Service) mountOAuth(r rest.Router) {
	body := rest.MaxBody(maxBodyBytes)

	r.POST("/id-token", rest.Public, s.handleIDToken, s.idTokens.Middleware, body)

	o := r.Group("/oauth")
	o.GET("/configs", rest.Admin, s.handleListOAuth)
	o.POST("/configs", rest.Admin, s.handleCreateOAuth, body)
	o.POST("/exchange", rest.Public, s.handleExchangeCode, body)

	custom := o.Group("/custom")
	custom.GET("/configs", rest.Admin, s.handleListCustomOAuth)
	custom.POST("/configs", rest.Admin, s.handleCreateCustomOAuth, body)
	custom.GET("/:key/config", rest.Admin, s.handleCustomOAuth)
	custom.PUT("/:key/config", rest.Admin, s.handleUpdateCustomOAuth, body)
	custom.DELETE("/:key/config", rest.Admin, s.handleDeleteCustomOAuth)
	custom.GET("/:key", rest.Public, s.handleStartOAuth(customVia))
	custom.GET("/:key/callback", rest.Public, s.handleOAuthCallback(customVia))

	o.GET("/:provider/config", rest.Admin, s.handleOAuthConfig)
	o.PUT("/:provider/config", rest.Admin, s.handleUpdateOAuth, body)
	o.DELETE("/:provider/config", rest.Admin, s.handleDeleteOAuth)
	o.GET("/:provider", rest.Public, s.handleStartOAuth(builtInVia))
	o.GET("/:provider/callback", rest.Public, s.handleOAuthCallback(builtInVia))
	o.POST("/:provider/callback", rest.Public, s.handleOAuthCallback(builtInVia), body)
}

// builtInVia returns the provider that a path names, or 400 INVALID_INPUT.
func builtInVia(c rest.Context) (signInVia, error) {
	name := oauth.Name(rest.Param(c, "provider"))
	if !slices.Contains(oauth.Names(), name) {
		return signInVia{}, fault.Invalid("provider: Unknown OAuth provider").
			Next("Use a built-in provider, or /api/auth/oauth/custom/<key> for a custom one.")
	}
	return signInVia{name: name}, nil
}

const maxCustomKey = 64

var customKey = regexp.MustCompile(`^[a-z0-9_-]+$`)

// customVia returns the custom provider that a path names, or 400
// INVALID_INPUT for what can be no key.
func customVia(c rest.Context) (signInVia, error) {
	key := rest.Param(c, "key")
	if complaint := customKeyRule(key); complaint != "" {
		return signInVia{}, fault.Invalid("key: " + complaint).Next("Use the key of a custom provider.")
	}
	return signInVia{name: oauth.Name(key), custom: true}, nil
}

// customKeyRule wants a key that can be in a path and is no other way to sign
// in: accounts are stored under it.
func customKeyRule(key string) string {
	switch {
	case len(key) > maxCustomKey || !customKey.MatchString(key):
		return "Must be 1 to 64 of a-z, 0-9, _ and -"
	case slices.Contains(oauth.Names(), oauth.Name(key)) || key == "email":
		return "Is the name of a built-in way to sign in"
	}
	return ""
}

const (
	maxFurtherParams = 20
	maxFurtherBytes  = 1024
)

// codeChallengeForm is that of a verifier and of its challenge. RFC 7636 §4.
var codeChallengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// handleStartOAuth serves "GET /api/auth/oauth/:provider" and "GET
// /api/auth/oauth/custom/:key".
func (s *Service) handleStartOAuth(viaOf func(rest.Context) (signInVia, error)) rest.Handler {
	return func(c rest.Context) error {
		via, err := viaOf(c)
		if err != nil {
			return err
		}
		in, err := startOf(c.Request().URL.Query())
		if err != nil {
			return err
		}
		address, err := s.startOAuth(c.Request().Context(), via, in)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, map[string]string{"authUrl": address})
	}
}

// startOf reads the parameters of a start. Those that are repeated are texts
// to nobody and are not passed on.
func startOf(query url.Values) (oauthStart, error) {
	in := oauthStart{further: map[string]string{}}
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
		return in, fault.Invalid("code_challenge: Must be 43 to 128 of A-Z, a-z, 0-9, ., _, ~ and -").
			Next("Send the base64url SHA-256 of a code verifier.")
	}
	return in, nil
}

// handleOAuthCallback serves "GET" and "POST
// /api/auth/oauth/:provider/callback" and "GET
// /api/auth/oauth/custom/:key/callback".
func (s *Service) handleOAuthCallback(viaOf func(rest.Context) (signInVia, error)) rest.Handler {
	return func(c rest.Context) error {
		if c.Request().Method == http.MethodHead { // a scanner's, which must not use anything up
			return fault.New(http.StatusMethodNotAllowed, fault.InvalidInput, "A sign-in is finished by GET or POST")
		}
		via, err := viaOf(c)
		if err != nil {
			return err
		}
		in, err := returnOf(c)
		if err != nil {
			return err
		}
		address, err := s.finishOAuth(c.Request().Context(), via, in)
		if err != nil {
			return err
		}
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer") // the address of this request holds a code
		return c.Redirect(http.StatusFound, address)
	}
}

// returnOf reads what the provider sent the browser back with. Parameters that
// are repeated do not count: who put the second one there?
func returnOf(c rest.Context) (oauthReturn, error) {
	values := c.Request().URL.Query()
	if c.Request().Method == http.MethodPost {
		media, _, _ := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
		err := c.Request().ParseForm()
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return oauthReturn{}, rest.TooLarge(err)
		}
		if err != nil || media != "application/x-www-form-urlencoded" {
			return oauthReturn{}, fault.Invalid("The body is no form").Because(err)
		}
		values = c.Request().PostForm
	}
	one := func(name string) string {
		if len(values[name]) != 1 {
			return ""
		}
		return values.Get(name)
	}
	in := oauthReturn{
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
	g, err := s.open(c, user)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.handOut(c, user, g))
}
