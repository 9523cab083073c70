package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wire writes a request as it goes over the wire. prefer and body may be empty.
func wire(url, method, path, token, prefer, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", method, path, strings.TrimPrefix(url, "http://"), token)
	if prefer != "" {
		fmt.Fprintf(&b, "Prefer: %s\r\n", prefer)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// result is what a load produced; p50 and p99 are in milliseconds.
type result struct {
	count               int
	perSecond, p50, p99 float64
}

func newResult(took []time.Duration, lasted time.Duration) result {
	if len(took) == 0 {
		return result{}
	}
	slices.Sort(took)
	return result{
		count:     len(took),
		perSecond: float64(len(took)) / lasted.Seconds(),
		p50:       ms(took[len(took)/2]),
		p99:       ms(took[len(took)*99/100]),
	}
}

// usage is the CPU time of processes so far, in seconds.
type usage map[int]float64

// cpu returns the usage of processes.
func cpu(pids []int) usage {
	u := usage{}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // the process just ended
		}
		// The name, in brackets, may hold spaces; user and system time are the
		// 12th and 13th fields after it, in ticks of 10 ms.
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		u[pid] = (user + system) / 100
	}
	return u
}

// since returns what the process pid used since before, and what all others
// that are still there used.
func (u usage) since(before usage, pid int) (own, others float64) {
	for p, seconds := range u {
		if p == pid {
			own = seconds - before[p]
		} else {
			others += seconds - before[p]
		}
	}
	return own, others
}
