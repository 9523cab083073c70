package guard

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// MaxBodyBytes bounds the request bodies of auth: anyone may send one.
const MaxBodyBytes = 1 << 20

// RetryAfter is the cause of a refusal that is lifted after a while.
// SendRetryAfter turns it into a header.
type RetryAfter time.Duration

// Seconds returns the time to wait in seconds, rounded up.
func (r RetryAfter) Seconds() int { return int(math.Ceil(time.Duration(r).Seconds())) }

// Error implements error.
func (r RetryAfter) Error() string { return "retry after " + time.Duration(r).String() }

// SendRetryAfter is a middleware that sets the header Retry-After on refusals
// caused by a RetryAfter.
func SendRetryAfter(next rest.Handler) rest.Handler {
	return func(c rest.Context) error {
		err := next(c)
		var after RetryAfter
		if errors.As(err, &after) {
			c.Response().Header().Set("Retry-After", strconv.Itoa(after.Seconds()))
		}
		return err
	}
}

// Unauthorized returns 401 AUTH_UNAUTHORIZED.
func Unauthorized(message string) *fault.Error {
	return fault.New(http.StatusUnauthorized, fault.AuthUnauthorized, message).
		Next("Refresh the session or sign in again.")
}
