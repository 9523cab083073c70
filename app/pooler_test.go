package app_test

import (
	"net"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/embed/postgres"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler is a connection pooler in transaction mode: its clients share one
// session of the server, each for the length of a transaction.
type pooler struct {
	mu     sync.Mutex // held by the client whose transaction runs
	server *pgproto3.Frontend
}

// startPooler returns the address of a pooler in front of a database.
func startPooler(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	session, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{server: session.Frontend}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			clients.Go(func() {
				defer c.Close()
				p.serve(pgproto3.NewBackend(c, c), c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		session.Conn.Close()
		clients.Wait()
	})
	return l.Addr().String()
}

// serve lets one client in without a password and passes its messages on until
// it leaves.
func (p *pooler) serve(client *pgproto3.Backend, c net.Conn) {
	for {
		m, err := client.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, ok := m.(*pgproto3.StartupMessage); ok {
			break
		}
		if _, err := c.Write([]byte("N")); err != nil { // no encryption here
			return
		}
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	for p.transaction(client) {
	}
}

// transaction passes one transaction on, and reports whether the client and
// the server are still there.
func (p *pooler) transaction(client *pgproto3.Backend) bool {
	m, err := client.Receive()
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch m.(type) {
		case *pgproto3.Terminate:
			return false
		case *pgproto3.Sync, *pgproto3.Query:
			p.server.Send(m)
			idle, err := p.answer(client)
			if err != nil || idle {
				return err == nil
			}
		default:
			p.server.Send(m)
		}
		if m, err = client.Receive(); err != nil {
			return false
		}
	}
}

// answer passes on what the server says until it waits for the client; idle
// shows that no transaction is open then.
func (p *pooler) answer(client *pgproto3.Backend) (idle bool, err error) {
	if err := p.server.Flush(); err != nil {
		return false, err
	}
	for {
		m, err := p.server.Receive()
		if err != nil {
			return false, err
		}
		client.Send(m)
		if ready, ok := m.(*pgproto3.ReadyForQuery); ok {
			return ready.TxStatus == 'I', client.Flush()
		}
	}
}

func TestAPoolerInTransactionModeIsRefused(t *testing.T) {
	t.Parallel()
	s := startTheirs(t, servers(t)[0])
	address := startPooler(t, s.URL(postgres.Superuser, adminPassword, "postgres"))
	serving(t, t.TempDir(), "DATABASE_URL=postgres://anybody@"+address+"/postgres").start(t).
		refused(t, "behind a pooler in transaction mode", "session mode")
}
