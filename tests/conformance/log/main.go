// Checks a signing log with nothing but Go's own transparency log library, golang.org/x/mod/sumdb.
//
// Every entry is hashed into a tree of its own, whose root must be the signed one; every tile is compared with what that tree
// says it holds; a receipt and an older checkpoint are checked when given.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height, width = 8, 256

// files reads a log's folder.
type files struct{ folder string }

func (f files) path(kind string, t tlog.Tile) string {
	// The library writes tile/<height>/<level>/..., C2SP leaves the height out.
	parts := strings.SplitN(t.Path(), "/", 4)
	return filepath.Join(f.folder, "tile", kind, parts[3])
}

// read falls back to the full file where a partial one was removed; full says which it was.
func (f files) read(kind string, t tlog.Tile) (content []byte, full bool, err error) {
	content, err = os.ReadFile(f.path(kind, t))
	if os.IsNotExist(err) && t.W < width {
		t.W = width
		content, err = os.ReadFile(f.path(kind, t))
	}
	return content, t.W == width, err
}

// open verifies a checkpoint and takes it apart.
func open(text []byte, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tree, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, fmt.Errorf("bad size %q", lines[1])
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// split takes a bundle of n entries apart.
func split(content []byte, n int) ([][]byte, error) {
	var entries [][]byte
	for len(content) > 0 {
		if len(content) < 2 || len(content)-2 < int(binary.BigEndian.Uint16(content)) {
			return nil, fmt.Errorf("a bundle is cut")
		}
		end := 2 + int(binary.BigEndian.Uint16(content))
		entries = append(entries, content[2:end])
		content = content[end:]
	}
	if len(entries) != n {
		return nil, fmt.Errorf("a bundle holds %d entries instead of %d", len(entries), n)
	}
	return entries, nil
}

// checkEntries hashes every entry into a tree in memory, whose root must be the signed one, and gives that tree's hashes.
//
// The library's TileHashReader is not used: up to x/mod 0.7 at least it leaves some tiles unchecked where two of the hashes
// that make up the root lie in one tile.
func checkEntries(f files, tree tlog.Tree) (tlog.HashReader, error) {
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for first := int64(0); first < tree.N; first += width {
		n := width
		if tree.N-first < width {
			n = int(tree.N - first)
		}
		content, full, err := f.read("entries", tlog.Tile{H: height, L: 0, N: first / width, W: n})
		if err != nil {
			return nil, err
		}
		held := n
		if full {
			held = width
		}
		entries, err := split(content, held)
		if err != nil {
			return nil, fmt.Errorf("entries from %d: %v", first, err)
		}
		for i, entry := range entries[:n] {
			more, err := tlog.StoredHashes(first+int64(i), entry, hashes)
			if err != nil {
				return nil, err
			}
			stored = append(stored, more...)
		}
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return nil, err
	}
	// The library gives zeros for an empty tree, RFC 6962 the hash of nothing.
	if tree.N > 0 && root != tree.Hash || tree.N == 0 && tree.Hash != sha256.Sum256(nil) {
		return nil, fmt.Errorf("the entries do not give the signed root")
	}
	return hashes, nil
}

func checkTiles(f files, tree tlog.Tree, hashes tlog.HashReader) (int, error) {
	count := 0
	for level, n := 0, tree.N; n > 0; level, n = level+1, n/width {
		for index := int64(0); index*width < n; index++ {
			t := tlog.Tile{H: height, L: level, N: index, W: width}
			if n-index*width < width {
				t.W = int(n - index*width)
			}
			found, full, err := f.read(strconv.Itoa(level), t)
			if err != nil {
				return count, err
			}
			if full && len(found) == width*tlog.HashSize {
				found = found[:t.W*tlog.HashSize]
			}
			expected, err := tlog.ReadTileData(t, hashes)
			if err != nil {
				return count, err
			}
			if !bytes.Equal(found, expected) {
				return count, fmt.Errorf("tile %s is not the one in the tree", t.Path())
			}
			count++
		}
	}
	return count, nil
}

// checkReceipt verifies a .tlog-proof file whose extra line is the entry, under its own checkpoint.
func checkReceipt(text, vkey string) (tlog.Tree, error) {
	parts := strings.SplitN(text, "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return tlog.Tree{}, fmt.Errorf("not a receipt")
	}
	tree, err := open([]byte(parts[1]), vkey)
	if err != nil {
		return tree, err
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return tree, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return tree, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return tree, err
		}
		proof = append(proof, hash)
	}
	return tree, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

func checkGrowth(old, tree tlog.Tree, hashes tlog.HashReader) error {
	if old.N == 0 || old.N > tree.N {
		return fmt.Errorf("no consistency proof from %d to %d", old.N, tree.N)
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

func check(folder, vkey, receipt, old string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return "", err
	}
	tree, err := open(text, vkey)
	if err != nil {
		return "", err
	}
	f := files{folder}
	hashes, err := checkEntries(f, tree)
	if err != nil {
		return "", err
	}
	tiles, err := checkTiles(f, tree, hashes)
	if err != nil {
		return "", err
	}
	if receipt != "" {
		text, err := os.ReadFile(receipt)
		if err != nil {
			return "", err
		}
		then, err := checkReceipt(string(text), vkey)
		if err != nil {
			return "", fmt.Errorf("receipt: %v", err)
		}
		if err := checkGrowth(then, tree, hashes); err != nil {
			return "", fmt.Errorf("receipt of another history: %v", err)
		}
	}
	if old != "" {
		text, err := os.ReadFile(old)
		if err != nil {
			return "", err
		}
		then, err := open(text, vkey)
		if err != nil {
			return "", err
		}
		if err := checkGrowth(then, tree, hashes); err != nil {
			return "", fmt.Errorf("older checkpoint: %v", err)
		}
	}
	return fmt.Sprintf("%d %d %s", tree.N, tiles, tree.Hash), nil
}

func main() {
	folder := flag.String("log", "", "folder of the log")
	vkey := flag.String("vkey", "", "verifier key of the log")
	receipt := flag.String("receipt", "", "a .tlog-proof file")
	old := flag.String("old", "", "an older checkpoint")
	flag.Parse()
	result, err := check(*folder, *vkey, *receipt, *old)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(result)
}
