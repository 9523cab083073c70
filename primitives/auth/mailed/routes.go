package mailed

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/auth/accounts"
	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/auth/redirect"
	"github.com/insforge/insforge-go/primitives/auth/sessions"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)
	requests, codes, retry := s.limited, s.wrongCodes.Middleware, guard.SendRetryAfter

	r.POST("/email/send-otp", rest.Public, s.handleSendOTP, requests, body, retry)
	r.POST("/email/send-verification", rest.Public, s.handleRequest(verification(), "verification"), requests, body, retry)
	r.POST("/email/send-reset-password", rest.Public, s.handleRequest(passwordReset(), "password reset"), requests, body, retry)
	r.POST("/email/verify", rest.Public, s.handleVerify, codes, body, retry)
	r.GET("/email/verify-link", rest.Public, s.handleVerifyLink)
	r.GET("/email/reset-password-link", rest.Public, s.handleResetLink)
	r.POST("/email/exchange-reset-password-token", rest.Public, s.handleExchangeReset, codes, body, retry)
	r.POST("/email/reset-password", rest.Public, s.handleReset, codes, body, retry)
}

// sixDigits requires a mailed code. what names it in the complaint.
func sixDigits(what string) rest.StringRule {
	return func(s string) string {
		if !codeDigits.MatchString(s) {
			return what + " must be a 6-digit numeric code"
		}
		return ""
	}
}

type mailAnswer struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// accepted answers a request for a mail.
func accepted(c rest.Context, message string) error {
	return c.JSON(http.StatusAccepted, mailAnswer{Success: true, Message: message})
}

// limited bounds the mails that a client may request. While mails stay in the
// development mailbox, callers on the same machine are exempt: a developer who
// tries things out would run into it after five.
func (s *Service) limited(next rest.Handler) rest.Handler {
	bounded := s.requests.Middleware(next)
	return func(c rest.Context) error {
		ctx := c.Request().Context()
		if s.mailboxOn == nil || !identity.CallFrom(ctx).Local {
			return bounded(c)
		}
		on, err := s.mailboxOn(ctx)
		if err != nil {
			return err
		}
		if on {
			return next(c)
		}
		return bounded(c)
	}
}

// mailPause is the least time between two mails that are requested for one
// address.
const mailPause = time.Minute

// mailRequest reads the body of a request for a mail. It returns 429
// TOO_MANY_REQUESTS, before it validates the address, when one was requested
// for the address less than mailPause ago.
func (s *Service) mailRequest(c rest.Context) (*rest.Fields, error) {
	f, err := rest.Body(c)
	if err != nil {
		return nil, err
	}
	var address string
	if json.Unmarshal(f.Raw("email"), &address) != nil || address == "" {
		return f, nil
	}
	wait := s.requested.Take(address, s.now())
	if wait == 0 {
		return f, nil
	}
	after := guard.RetryAfter(wait)
	return nil, fault.New(http.StatusTooManyRequests, fault.TooManyRequests,
		fmt.Sprintf("An e-mail to this address was requested a moment ago; wait %d seconds", after.Seconds())).
		Next("Look for the e-mail, including in the spam folder.").Because(after)
}

// handleSendOTP serves "POST /api/auth/email/send-otp".
func (s *Service) handleSendOTP(c rest.Context) error {
	f, err := s.mailRequest(c)
	if err != nil {
		return err
	}
	email := accounts.EmailIn(f)
	if err := f.Err(); err != nil {
		return err
	}
	if err := s.mailSignInCode(c.Request().Context(), email); err != nil {
		return err
	}
	return accepted(c, "A sign-in code was sent to the address.")
}

// handleRequest serves "POST /api/auth/email/send-verification" and "POST
// /api/auth/email/send-reset-password". what names the mail.
func (s *Service) handleRequest(flow flow, what string) rest.Handler {
	return func(c rest.Context) error {
		f, err := s.mailRequest(c)
		if err != nil {
			return err
		}
		email, redirect := accounts.EmailIn(f), accounts.RedirectIn(f)
		if err := f.Err(); err != nil {
			return err
		}
		method, err := s.request(c.Request().Context(), flow, email, redirect)
		if err != nil {
			return err
		}
		return accepted(c, "If an account with this address exists, a "+what+" "+string(method)+" is on its way.")
	}
}

// handleVerify serves "POST /api/auth/email/verify".
func (s *Service) handleVerify(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	email, code := accounts.EmailIn(f), f.String("otp", sixDigits("OTP code"))
	if err := f.Err(); err != nil {
		return err
	}
	user, g, err := s.verifyByCode(c.Request().Context(), email, code, sessions.ClientOf(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.sessions.HandOut(c, user, g))
}

// SignIn returns the handler that serves "POST /api/auth/sessions" with the
// method otp; f is the body.
func (s *Service) SignIn(f *rest.Fields) rest.Handler {
	return s.wrongCodes.Middleware(func(c rest.Context) error {
		email, code, name := accounts.EmailIn(f), f.String("otp", sixDigits("OTP code")), accounts.NameIn(f)
		if err := f.Err(); err != nil {
			return err
		}
		user, g, err := s.signInByCode(c.Request().Context(), email, code, name, sessions.ClientOf(c))
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, s.sessions.HandOut(c, user, g))
	})
}

// handleExchangeReset serves "POST
// /api/auth/email/exchange-reset-password-token".
func (s *Service) handleExchangeReset(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	email, code := accounts.EmailIn(f), f.String("code", sixDigits("Reset password code"))
	if err := f.Err(); err != nil {
		return err
	}
	token, expires, err := s.exchangeResetCode(c.Request().Context(), email, code)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, struct {
		Token     string    `json:"token"`
		ExpiresAt rest.Time `json:"expiresAt"`
	}{token, rest.Time(expires)})
}

// handleReset serves "POST /api/auth/email/reset-password".
func (s *Service) handleReset(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	password, token := accounts.PasswordIn(f, "newPassword"), f.String("otp", rest.MinLength(1))
	if err := f.Err(); err != nil {
		return err
	}
	if err := s.resetPassword(c.Request().Context(), token, password); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{
		"message": "Password reset successfully. Please login with your new password.",
	})
}

// handleVerifyLink serves "GET /api/auth/email/verify-link". Mail scanners and
// browsers that prefetch only check that the link works; they must not use it
// up.
func (s *Service) handleVerifyLink(c rest.Context) error {
	if c.Request().Method == http.MethodHead {
		return c.NoContent(http.StatusOK)
	}
	if isPrefetch(c.Request()) {
		return c.NoContent(http.StatusServiceUnavailable) // anything but an error might be shown when the link is opened
	}
	ctx, token := c.Request().Context(), c.QueryParam("token")
	l, err := s.target(ctx, toVerify, token)
	if err != nil {
		return err
	}
	if err := s.verifyByLink(ctx, token); err != nil {
		return leadBack(c, l, "insforge_status", "error", "insforge_type", "verify_email", "insforge_error", s.linkError(l, err))
	}
	return leadBack(c, l, "insforge_status", "success", "insforge_type", "verify_email")
}

// handleResetLink serves "GET /api/auth/email/reset-password-link". It does not
// use the token up: the page that it leads to presents it.
func (s *Service) handleResetLink(c rest.Context) error {
	token := c.QueryParam("token")
	l, err := s.target(c.Request().Context(), toReset, token)
	if err != nil {
		return err
	}
	return leadBack(c, l, "token", token, "insforge_status", "ready", "insforge_type", "reset_password")
}

// isPrefetch reports whether a browser fetches a page that the user has not
// opened.
func isPrefetch(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Sec-Purpose"), "prefetch") || r.Header.Get("Purpose") == "prefetch"
}

// linkError is what the page that a link leads to shows when the link failed.
func (s *Service) linkError(l link, err error) string {
	switch {
	case !fault.Is(err, fault.InvalidInput):
		s.log.Error().Err(err).Msg("auth: a verification link failed")
		return "The verification failed. Try again later."
	case l.used:
		return "The verification link was already used."
	}
	return "Invalid or expired verification link."
}

// leadBack sends the browser to where the link leads, with parameters. The
// headers keep the link from that page and from caches.
func leadBack(c rest.Context, l link, params ...string) error {
	to, err := redirect.WithParams(l.redirectTo, params...)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	return c.Redirect(http.StatusFound, to)
}
