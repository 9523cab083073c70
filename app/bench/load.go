package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// request is one kind of request, written to the wire as it stands: the load
// generator shares the machine with the server, so it must be cheap.
type request struct{ method, path, token, prefer, body string }

func (r request) wire(host string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", r.method, r.path, host, r.token)
	if r.prefer != "" {
		fmt.Fprintf(&b, "Prefer: %s\r\n", r.prefer)
	}
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	return []byte(b.String())
}

// result is what a load produced; p50 and p99 are in milliseconds.
type result struct {
	count               int
	perSecond, p50, p99 float64
}

// load sends requests over n connections for span. Any answer that is not a
// success ends it with an error.
func load(url string, n int, span time.Duration, make func(int) request) (result, error) {
	host := strings.TrimPrefix(url, "http://")
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	began := time.Now()
	for client := range n {
		wg.Go(func() {
			took, err := hammer(host, client, began.Add(span), make)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return result{}, failed
	}
	slices.Sort(all)
	return result{
		count:     len(all),
		perSecond: float64(len(all)) / time.Since(began).Seconds(),
		p50:       ms(all[len(all)/2]),
		p99:       ms(all[len(all)*99/100]),
	}, nil
}

func hammer(host string, client int, until time.Time, make func(int) request) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var took []time.Duration
	for i := client; time.Now().Before(until); i += 7 {
		sent := time.Now()
		if _, err := conn.Write(make(i).wire(host)); err != nil {
			return nil, err
		}
		if err := receive(in); err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}

// receive reads one answer. net/http's client would take as much of the
// machine as the server under test.
func receive(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 2")) {
		return fmt.Errorf("answer %q", status)
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answer without Content-Length")
	}
	_, err = in.Discard(length)
	return err
}

// usage is CPU time in seconds.
type usage struct{ own, rest float64 }

// cpu returns the CPU time of the first process and of the others together.
func cpu(pids []int) usage {
	var u usage
	for i, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // the process just ended
		}
		// The name, in brackets, may hold spaces; user and system time are the
		// 12th and 13th field behind it, in ticks of 10 ms.
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		if i == 0 {
			u.own = (user + system) / 100
		} else {
			u.rest += (user + system) / 100
		}
	}
	return u
}
