package guard

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

// maxCooling bounds the addresses that a Cooldown remembers.
const maxCooling = 32 << 10

// Cooldown spaces what is requested for one address, whether or not the
// address belongs to a user. It is safe for concurrent use.
type Cooldown struct {
	pause time.Duration
	mu    sync.Mutex
	until *recent.Map[[sha256.Size]byte, time.Time]
}

// NewCooldown returns a Cooldown that requires a pause between two requests.
func NewCooldown(pause time.Duration) *Cooldown {
	return &Cooldown{pause: pause, until: recent.New[[sha256.Size]byte, time.Time](maxCooling)}
}

// Take returns how long to wait until the next request for address is
// accepted; zero accepts this one and starts the next pause.
func (c *Cooldown) Take(address string, now time.Time) time.Duration {
	key := sha256.Sum256([]byte(strings.ToLower(address)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if until, ok := c.until.Get(key); ok && now.Before(until) {
		return until.Sub(now)
	}
	c.until.Put(key, now.Add(c.pause))
	return 0
}
