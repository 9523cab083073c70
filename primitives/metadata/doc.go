// Package metadata answers what a project is: its keys and its id. It owns no
// table; what it tells it asks from others.
//
// All its routes, below /api/metadata, are for administrators.
package metadata
