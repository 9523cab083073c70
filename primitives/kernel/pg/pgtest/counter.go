package pgtest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Counted returns separate pools on the database of db, and a function that
// returns how many round trips there were on them: how often Postgres said that
// it is ready for more.
func Counted(t testing.TB, db *pg.DB) (counted *pg.DB, roundTrips func() int) {
	t.Helper()
	direct, err := pgx.ParseConfig(db.OwnerDSN())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ready atomic.Int64
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			clients.Go(func() { relay(t, client, direct, &ready) })
		}
	})
	dsn := "host=127.0.0.1 port=" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port) + " sslmode=disable dbname=" + direct.Database +
		" user=" + direct.User + " password=" + direct.Password
	counted, err = pg.Open(t.Context(), pg.Config{OwnerDSN: dsn, AuthenticatorPassword: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		counted.Close()
		l.Close()
		clients.Wait()
	})
	return counted, func() int { return int(ready.Load()) }
}

// relay passes on what a client and the server say until one of them leaves.
func relay(t testing.TB, client net.Conn, to *pgx.ConnConfig, ready *atomic.Int64) {
	defer client.Close()
	network, address := pgconn.NetworkAddress(to.Host, to.Port)
	server, err := net.Dial(network, address)
	if err != nil {
		t.Errorf("pgtest: %v", err)
		return
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.Copy(server, client)
		server.Close()
	})
	defer asking.Wait()
	defer client.Close()
	answers := bufio.NewReader(server)
	for {
		var head [5]byte // a type and the length of what follows it
		if _, err := io.ReadFull(answers, head[:]); err != nil {
			return
		}
		if head[0] == 'Z' {
			ready.Add(1)
		}
		if _, err := client.Write(head[:]); err != nil {
			return
		}
		if _, err := io.CopyN(client, answers, int64(binary.BigEndian.Uint32(head[1:]))-4); err != nil {
			return
		}
	}
}
