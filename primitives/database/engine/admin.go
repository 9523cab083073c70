package engine

import "github.com/insforge/insforge-go/primitives/database/engine/schema"

// Snapshot is the schema as requests see it; nil before it is first read.
func (e *Engine) Snapshot() *schema.Snapshot { return e.cache.Current() }

// Loads are how often the schema was read.
func (e *Engine) Loads() schema.Loads { return e.cache.Loads() }
