package auth

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// mailPause is the least time between two mails that are asked for one
	// address, be it anybody's or nobody's.
	mailPause = time.Minute
	// maxCooling bounds the addresses that are remembered.
	maxCooling = 32 << 10
)

// cooldown remembers for which addresses a mail was asked for lately.
type cooldown struct {
	mu    sync.Mutex
	until *recent.Map[[sha256.Size]byte, time.Time]
}

func newCooldown() *cooldown {
	return &cooldown{until: recent.New[[sha256.Size]byte, time.Time](maxCooling)}
}

// take returns how long to wait before a mail to address may be asked for;
// zero starts the next pause.
func (c *cooldown) take(address string, now time.Time) time.Duration {
	key := sha256.Sum256([]byte(strings.ToLower(address)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if until, ok := c.until.Get(key); ok && now.Before(until) {
		return until.Sub(now)
	}
	c.until.Put(key, now.Add(mailPause))
	return 0
}

// mailRequest reads the body of a request for a mail. It returns 429
// TOO_MANY_REQUESTS, before the address is looked at any closer, when one was
// asked for it less than mailPause ago.
func (s *Service) mailRequest(c rest.Context) (*rest.Fields, error) {
	f, err := rest.Body(c)
	if err != nil {
		return nil, err
	}
	var address string
	if json.Unmarshal(f.Raw("email"), &address) != nil || address == "" {
		return f, nil
	}
	wait := s.asked.take(address, s.now())
	if wait == 0 {
		return f, nil
	}
	after := retryAfter(wait)
	return nil, fault.New(http.StatusTooManyRequests, fault.TooManyRequests,
		fmt.Sprintf("An e-mail to this address was requested a moment ago; wait %d seconds", after.seconds())).
		Next("Look for the e-mail, also among the unwanted ones.").Because(after)
}
