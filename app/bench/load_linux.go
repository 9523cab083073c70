package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostAnswers bounds the latencies that one load records.
const mostAnswers = 1 << 21

// load sends the requests in turn over n connections for span. Any answer that
// is not a success ends it with an error.
//
// The generator shares the machine with the server, so it must be cheap: one
// thread outside Go's scheduler that writes prepared bytes and reads answers
// as the kernel reports them.
func load(url string, n int, span time.Duration, requests [][]byte) (result, error) {
	address, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return result{}, err
	}
	done := make(chan error, 1)
	l := loader{requests: requests, took: make([]time.Duration, 0, mostAnswers)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- l.run(address, n, span)
	}()
	if err := <-done; err != nil {
		return result{}, err
	}
	return newResult(l.took, l.lasted), nil
}

type loader struct {
	requests [][]byte
	next     int
	epoll    int
	took     []time.Duration
	lasted   time.Duration
}

// client is one connection with a request in progress.
type client struct {
	fd   int
	sent time.Time
	in   []byte
	used int
}

func (l *loader) run(address *net.TCPAddr, n int, span time.Duration) (err error) {
	if l.epoll, err = unix.EpollCreate1(0); err != nil {
		return err
	}
	defer unix.Close(l.epoll)
	clients := make(map[int32]*client, n)
	for range n {
		c, err := l.connect(address)
		if err != nil {
			return err
		}
		defer unix.Close(c.fd)
		clients[int32(c.fd)] = c
	}
	began := time.Now()
	for _, c := range clients {
		if err := l.send(c); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, n)
	for time.Since(began) < span && len(l.took) < mostAnswers-n {
		for _, e := range events[:wait(l.epoll, events)] {
			if err := l.receive(clients[e.Fd]); err != nil {
				return err
			}
		}
	}
	l.lasted = time.Since(began)
	return nil
}

// wait is epoll_wait without Go's scheduler, which would do much more than
// wait.
func wait(epoll int, events []unix.EpollEvent) int {
	const milliseconds = 100
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), milliseconds, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (l *loader) connect(address *net.TCPAddr) (*client, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	to := &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
	err = errors.Join(
		unix.Connect(fd, to),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}),
	)
	return &client{fd: fd, in: make([]byte, 256<<10)}, err
}

func (l *loader) send(c *client) error {
	request := l.requests[l.next%len(l.requests)]
	l.next++
	c.sent, c.used = time.Now(), 0
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)))
	if errno != 0 || int(n) != len(request) {
		return fmt.Errorf("send a request: %w", os.NewSyscallError("write", errno))
	}
	return nil
}

// receive reads what has arrived, and sends the next request after a complete
// answer.
func (l *loader) receive(c *client) error {
	if c.used == len(c.in) {
		return errors.New("an answer is longer than the generator's buffer")
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&c.in[c.used])), uintptr(len(c.in)-c.used))
	if errno != 0 {
		return os.NewSyscallError("read", errno)
	}
	if n == 0 {
		return errors.New("the server closed a connection")
	}
	c.used += int(n)
	whole, err := complete(c.in[:c.used])
	if !whole || err != nil {
		return err
	}
	l.took = append(l.took, time.Since(c.sent))
	return l.send(c)
}

// complete reports whether b is a complete answer, which must be a success with a
// Content-Length.
func complete(b []byte) (bool, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return false, nil
	}
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 2")) {
		return false, fmt.Errorf("answer %q", b)
	}
	head := b[:end+2]
	name := []byte("\r\nContent-Length: ")
	at := bytes.Index(head, name)
	if at < 0 {
		return false, fmt.Errorf("answer without Content-Length: %q", head)
	}
	digits := head[at+len(name):]
	length, err := strconv.Atoi(string(digits[:bytes.IndexByte(digits, '\r')]))
	if err != nil {
		return false, err
	}
	return len(b) == end+4+length, nil
}
