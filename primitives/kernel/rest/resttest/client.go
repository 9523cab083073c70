package resttest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// ClientIP is the address that requests come from, unless they have the
	// header ClientIPHeader.
	ClientIP       = "192.0.2.7"
	ClientIPHeader = "Test-Client-Ip"
	// RequestID is the id of every request that a test has not described.
	RequestID = "r1"
)

// Handler serves the routes that mount registers, with the gates and the error
// envelope of the product. What only the log sees of a failure goes to t.
func Handler(t testing.TB, auth rest.Authenticator, mount func(root rest.Router)) http.Handler {
	t.Helper()
	e := rest.NewEcho()
	e.HTTPErrorHandler = func(err error, c rest.Context) {
		f := rest.FaultOf(c, err)
		if f.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
			t.Logf("%s %s: %v", c.Request().Method, c.Request().URL.Path, err)
		}
		if !c.Response().Committed {
			_ = rest.WriteFault(c, f) // to memory, or to a client that may have gone
		}
	}
	e.Pre(describeCall)
	mount(rest.NewRouter(e.Group(""), auth))
	return e
}

// describeCall does what the server's middleware does: handlers find the
// request's id and the client's address in the context.
func describeCall(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if identity.CallFrom(r.Context()) != (identity.Call{}) {
			return next(c) // the test has described it
		}
		text := r.Header.Get(ClientIPHeader)
		if text == "" {
			text = ClientIP
		}
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		c.SetRequest(r.WithContext(identity.WithCall(r.Context(), identity.Call{RequestID: RequestID, ClientIP: addr, Local: addr.Unmap().IsLoopback()})))
		return next(c)
	}
}

// Client calls routes.
type Client struct {
	T       testing.TB
	Handler http.Handler
	// Prefix is put before the paths that are called.
	Prefix string
	// Advised makes Refused complain about refusals that do not say what to do
	// next, except those about who is calling.
	Advised bool
}

// New returns a Client of the routes that mount registers below prefix, whose
// gates know the credentials of Callers.
func New(t testing.TB, prefix string, mount func(r rest.Router)) Client {
	t.Helper()
	return Client{T: t, Prefix: prefix, Handler: Handler(t, Callers{}, func(root rest.Router) { mount(root.Group(prefix)) })}
}

// Call sends a request as an administrator. Headers are lines of the form
// "Name: value"; the body is JSON unless they say otherwise.
func (c Client) Call(method, path, body string, headers ...string) Answer {
	c.T.Helper()
	return c.CallAs(AdminToken, method, path, body, headers...)
}

// CallAs sends a request with an Authorization header, or none.
func (c Client) CallAs(authorization, method, path, body string, headers ...string) Answer {
	c.T.Helper()
	return c.Serve(context.Background(), authorization, method, path, body, headers...)
}

// Serve sends a request that ends with ctx.
func (c Client) Serve(ctx context.Context, authorization, method, path, body string, headers ...string) Answer {
	c.T.Helper()
	r := httptest.NewRequestWithContext(ctx, method, c.Prefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return c.Send(r)
}

// Send sends a request of any form.
func (c Client) Send(r *http.Request) Answer {
	c.T.Helper()
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	a := Read(c.T, response)
	a.advised = c.Advised
	return a
}

// OK stops the test unless the answer has the status.
func (c Client) OK(a Answer, status int) Answer {
	c.T.Helper()
	return a.OK(status)
}

// Refused complains unless the answer is this error and its message has part.
func (c Client) Refused(a Answer, status int, code fault.Code, part string) {
	c.T.Helper()
	a.Refused(status, code, part)
}

// Equal compares decoded JSON with JSON text.
func (c Client) Equal(got any, want string) {
	c.T.Helper()
	equal(c.T, got, want)
}

// OnlyAdmins complains unless the route refuses everyone else.
func (c Client) OnlyAdmins(method, path, body string) {
	c.T.Helper()
	for _, refusal := range []struct {
		authorization string
		status        int
		code          fault.Code
		part          string
	}{
		{"", http.StatusUnauthorized, fault.AuthInvalidCredentials, "No admin token"},
		{"Bearer x", http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token"},
		{"Bearer ik_x", http.StatusUnauthorized, fault.AuthInvalidAPIKey, "Invalid API key"},
		{AnonKey, http.StatusUnauthorized, fault.AuthUnauthorized, "Invalid token"},
		{UserToken, http.StatusForbidden, fault.AuthUnauthorized, "Admin access required"},
		{OddToken, http.StatusForbidden, fault.AuthUnauthorized, "Admin access required"},
	} {
		c.CallAs(refusal.authorization, method, path, body).Refused(refusal.status, refusal.code, refusal.part)
	}
}
