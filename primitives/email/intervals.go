package email

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

// maxRecipients bounds how many addresses are remembered, twice at most.
const maxRecipients = 50_000

// intervals remembers when addresses got their last mail.
type intervals struct {
	mu   sync.Mutex // makes looking and taking one step
	last *recent.Map[string, time.Time]
}

func newIntervals() *intervals {
	return &intervals{last: recent.New[string, time.Time](maxRecipients)}
}

// reserve notes that a mail goes to all addresses now. When one of them got a
// mail less than least ago, it notes none and returns 429 RATE_LIMITED. A mail
// that is being sent counts. giveBack takes the note back when it was not sent.
func (v *intervals) reserve(addresses []string, least time.Duration, now time.Time) (giveBack func(), err error) {
	if least <= 0 {
		return func() {}, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range addresses {
		if last, ok := v.last.Get(a); ok && now.Sub(last) < least {
			wait := int(math.Ceil((least - now.Sub(last)).Seconds()))
			return nil, fault.New(http.StatusTooManyRequests, fault.RateLimited,
				fmt.Sprintf("Too many emails to this address. Retry after %ds.", wait)).
				Next("Wait that long and try again.")
		}
	}
	for _, a := range addresses {
		v.last.Put(a, now)
	}
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, a := range addresses {
			v.last.Delete(a)
		}
	}, nil
}
