package auth

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	bcryptCost = 10
	// bcryptBytes is how much of a password bcrypt reads. The rest is cut
	// off, as in the hashes that InsForge made.
	bcryptBytes = 72
	// A hash takes tens of milliseconds of one core. Whoever cannot be served
	// within hashPatience is told so, and at once when hashQueue others per
	// slot are waiting already, hashQueueOfOne of them from the same client.
	hashPatience   = 10 * time.Second
	hashQueue      = 128
	hashQueueOfOne = hashQueue / 2
	// decoy is the hash that the password for an account without one is
	// compared with, so that the answer takes as long. Nobody knows its
	// password.
	decoy = "$2a$10$.l3abcrOLxlf9XPoxWhYV.s1Qjh4vKkzNIMOxFLNWTRSTlGmMNLNu"
)

// hasher hashes passwords, one core always left to everybody else. Clients take
// turns, so that one that floods it does not keep others from signing in.
type hasher struct{ turns *turns }

func newHasher() *hasher {
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	return &hasher{newTurns(slots, hashQueue*slots, hashQueueOfOne*slots)}
}

// hash returns the bcrypt hash of password.
func (h *hasher) hash(ctx context.Context, password string) (hash string, err error) {
	err = h.do(ctx, func() error {
		raw, err := bcrypt.GenerateFromPassword(bcryptInput(password), bcryptCost)
		hash = string(raw)
		return err
	})
	return hash, err
}

// matches reports whether password has the given hash. It takes the same time
// when hash is empty, for no account or one without a password. meanwhile runs
// first, when it is the caller's turn, and should only start what goes on beside
// the comparison.
func (h *hasher) matches(ctx context.Context, hash, password string, meanwhile func()) (ok bool, err error) {
	against := hash
	if against == "" {
		against = decoy
	}
	err = h.do(ctx, func() error {
		meanwhile()
		ok = bcrypt.CompareHashAndPassword([]byte(against), bcryptInput(password)) == nil
		return nil
	})
	return ok && hash != "", err
}

func bcryptInput(password string) []byte {
	return []byte(password)[:min(len(password), bcryptBytes)]
}

// do runs f in a slot. It returns 503 when the wait would be too long, and
// the error of ctx when the caller gave up.
func (h *hasher) do(ctx context.Context, f func() error) error {
	client := rest.Network(identity.CallFrom(ctx).ClientIP)
	turn, ok := h.turns.join(client)
	if !ok {
		return errBusy()
	}
	defer h.turns.leave(client, turn)
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case <-turn:
		return f()
	case <-patience.C:
		return errBusy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errBusy() *fault.Error {
	return fault.New(http.StatusServiceUnavailable, fault.TooManyRequests, "Too many sign-ins at once").
		Next("Try again in a few seconds.").Because(retryAfter(hashPatience))
}
