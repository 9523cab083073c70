package guard

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// DefaultCost is the bcrypt cost of a Hasher unless it is given one.
	DefaultCost = 10
	// bcryptBytes is how much of a password bcrypt reads. The rest is cut off,
	// as in the hashes that InsForge made.
	bcryptBytes = 72
	// A hash takes tens of milliseconds of one core. A caller who cannot be
	// served within hashPatience is refused, and at once when hashQueue others
	// per slot are waiting already, or hashQueueOfOne of the same client.
	hashPatience   = 10 * time.Second
	hashQueue      = 128
	hashQueueOfOne = hashQueue / 2
	// decoyForm, with a cost filled in, is a hash that no password is known
	// for.
	decoyForm = "$2a$%02d$.l3abcrOLxlf9XPoxWhYV.s1Qjh4vKkzNIMOxFLNWTRSTlGmMNLNu"
)

// Hasher hashes passwords and always leaves one core for everything else.
// Clients take turns, so that one that floods it does not keep others from
// signing in. It is safe for concurrent use.
type Hasher struct {
	turns *turns
	cost  int
	// decoy is compared with the password when an account has none, so that
	// the answer takes as long.
	decoy string
}

// NewHasher returns a Hasher with a bcrypt cost; zero means DefaultCost.
// Anything cheaper is for tests.
func NewHasher(cost int) *Hasher {
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	return newHasher(cmp.Or(cost, DefaultCost), newTurns(slots, hashQueue*slots, hashQueueOfOne*slots))
}

func newHasher(cost int, turns *turns) *Hasher {
	return &Hasher{turns: turns, cost: cost, decoy: fmt.Sprintf(decoyForm, cost)}
}

// Hash returns the bcrypt hash of password. It returns 503 TOO_MANY_REQUESTS
// when too many are waiting.
func (h *Hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	err = h.do(ctx, func() error {
		raw, err := bcrypt.GenerateFromPassword(bcryptInput(password), h.cost)
		hash = string(raw)
		return err
	})
	return hash, err
}

// Matches reports whether password has the given hash. It takes the same time
// when hash is empty, as for an unknown account or one without a password. It
// calls meanwhile first, once it is the caller's turn, to start work that runs
// alongside the comparison; nil for none. The errors are those of Hash.
func (h *Hasher) Matches(ctx context.Context, hash, password string, meanwhile func()) (ok bool, err error) {
	against := cmp.Or(hash, h.decoy)
	err = h.do(ctx, func() error {
		if meanwhile != nil {
			meanwhile()
		}
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
func (h *Hasher) do(ctx context.Context, f func() error) error {
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
		Next("Try again in a few seconds.").Because(RetryAfter(hashPatience))
}
