package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const keepAliveEvery = 25 * time.Second

type dataUpdate struct {
	Type     string          `json:"type"`
	Resource events.Resource `json:"resource"`
	Data     *updateData     `json:"data,omitempty"`
}

type updateData struct {
	Changes    []events.Change `json:"changes,omitempty"`
	Slug       string          `json:"slug,omitempty"`
	BucketName string          `json:"bucketName,omitempty"`
}

type mcpConnected struct {
	Type      string `json:"type"`
	ToolName  string `json:"toolName"`
	CreatedAt string `json:"createdAt"`
}

// wireEvent returns the JSON form of e, or nil if e is not for the dashboard.
func wireEvent(e events.Event) any {
	switch e := e.(type) {
	case events.DataUpdate:
		w := dataUpdate{Type: "data-update", Resource: e.Resource}
		if len(e.Changes) > 0 || e.Slug != "" || e.BucketName != "" {
			w.Data = &updateData{Changes: e.Changes, Slug: e.Slug, BucketName: e.BucketName}
		}
		return w
	case events.MCPConnected:
		return mcpConnected{Type: "mcp-connected", ToolName: e.ToolName, CreatedAt: e.CreatedAt}
	}
	return nil
}

// handleEvents serves "GET /api/dashboard/events", a stream of server-sent
// events without replay. It ends with the client or with the server.
func (s *Server) handleEvents(c rest.Context) error {
	sub := s.deps.Events.Subscribe()
	defer sub.Close()
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}

	control := http.NewResponseController(c.Response())
	send := func(text []byte) error { // fails when the client stalls
		if _, err := c.Response().Write(text); err != nil {
			return err
		}
		return control.Flush()
	}
	if err := send([]byte("data: {\"type\":\"ready\"}\n\n")); err != nil {
		return nil // the client is gone
	}
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	for {
		var text []byte
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-s.closing:
			return nil
		case <-tick.C:
			text = []byte(": keepalive\n\n")
		case e := <-sub.C():
			wire := wireEvent(e)
			if wire == nil {
				continue
			}
			var line bytes.Buffer
			line.WriteString("data: ")
			encoder := json.NewEncoder(&line)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(wire); err != nil { // ends the line
				return err
			}
			text = append(line.Bytes(), '\n')
		}
		if err := send(text); err != nil {
			return nil
		}
	}
}
