// Checks a signing log with nothing but Go's own transparency log library, golang.org/x/mod/sumdb.
//
// Every entry is hashed into a tree of its own, whose root must be the signed one; every tile is compared with what that tree
// says it holds; a receipt and an older checkpoint are checked when given. The shards after the given one are followed by what
// each last entry says, and checked as well, the newest with a quorum of witnesses when some are given. With -each it reads
// such questions from standard input, one JSON object a line, and answers each with a line.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
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

// longest is a bundle of the longest entries.
const longest = width * (2 + 65535)

// readFile reads a plain file that is not longer than anything in a log.
func readFile(path string) ([]byte, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !about.Mode().IsRegular() || about.Size() > longest {
		return nil, fmt.Errorf("not a file of a log: %s", path)
	}
	return os.ReadFile(path)
}

// files reads a log's folder.
type files struct{ folder string }

func (f files) path(kind string, t tlog.Tile) string {
	// The library writes tile/<height>/<level>/..., C2SP leaves the height out.
	parts := strings.SplitN(t.Path(), "/", 4)
	return filepath.Join(f.folder, "tile", kind, parts[3])
}

// read falls back to the full file where a partial one was removed; full says which it was.
func (f files) read(kind string, t tlog.Tile) (content []byte, full bool, err error) {
	content, err = readFile(f.path(kind, t))
	if os.IsNotExist(err) && t.W < width {
		t.W = width
		content, err = readFile(f.path(kind, t))
	}
	return content, t.W == width, err
}

// cosigner verifies Ed25519 cosignatures (C2SP tlog-cosignature), which the library does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return cosigner{}, fmt.Errorf("not a verifier key: %q", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return cosigner{}, fmt.Errorf("not the key of a witness: %q", vkey)
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if fmt.Sprintf("%x", digest[:4]) != parts[1] {
		return cosigner{}, fmt.Errorf("the key does not have this id: %q", vkey)
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(digest[:4]), ed25519.PublicKey(key[1:])}, nil
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }

func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(signature))
	return ed25519.Verify(c.key, append([]byte(head), text...), signature[8:])
}

// requireWitnesses demands a good line of at least quorum of these witnesses, and no bad one, below a checkpoint that was opened.
func requireWitnesses(text []byte, vkey string, witnesses []string, quorum int) error {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{log}
	for _, each := range witnesses {
		witness, err := newCosigner(each)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, witness)
	}
	opened, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if found := len(opened.Sigs) - 1; found < quorum {
		return fmt.Errorf("%d witnesses cosigned instead of %d", found, quorum)
	}
	return nil
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

// checkEntries hashes every entry into a tree in memory, whose root must be the signed one, and gives that tree's hashes, and
// the first and the last entry.
//
// The library's TileHashReader is not used: up to x/mod 0.7 at least it leaves some tiles unchecked where two of the hashes
// that make up the root lie in one tile.
func checkEntries(f files, tree tlog.Tree) (tlog.HashReader, [][]byte, error) {
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	var ends [][]byte
	for first := int64(0); first < tree.N; first += width {
		n := width
		if tree.N-first < width {
			n = int(tree.N - first)
		}
		content, full, err := f.read("entries", tlog.Tile{H: height, L: 0, N: first / width, W: n})
		if err != nil {
			return nil, nil, err
		}
		held := n
		if full {
			held = width
		}
		entries, err := split(content, held)
		if err != nil {
			return nil, nil, fmt.Errorf("entries from %d: %v", first, err)
		}
		for i, entry := range entries[:n] {
			more, err := tlog.StoredHashes(first+int64(i), entry, hashes)
			if err != nil {
				return nil, nil, err
			}
			stored = append(stored, more...)
		}
		if first == 0 {
			ends = append(ends, entries[0])
		}
		if first+width >= tree.N {
			ends = append(ends, entries[n-1])
		}
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return nil, nil, err
	}
	// The library gives zeros for an empty tree, RFC 6962 the hash of nothing.
	if tree.N > 0 && root != tree.Hash || tree.N == 0 && tree.Hash != sha256.Sum256(nil) {
		return nil, nil, fmt.Errorf("the entries do not give the signed root")
	}
	return hashes, ends, nil
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

// question is what is asked: a folder, the key of the shard in it, and what else is to be checked.
type question struct {
	Log, Vkey, Receipt, Old string
	Witnesses               []string
	Quorum                  int
}

// checked is what one shard was found to be.
type checked struct {
	folder, vkey string
	tree         tlog.Tree
	tiles        int
	hashes       tlog.HashReader
	ends         [][]byte
}

func checkShard(folder, vkey string) (checked, error) {
	found := checked{folder: folder, vkey: vkey}
	text, err := readFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return found, err
	}
	if found.tree, err = open(text, vkey); err != nil {
		return found, err
	}
	f := files{folder}
	if found.hashes, found.ends, err = checkEntries(f, found.tree); err != nil {
		return found, err
	}
	found.tiles, err = checkTiles(f, found.tree, found.hashes)
	return found, err
}

// handOver reads what two neighbouring shards say of each other.
type handOver struct {
	Type, Shard, Origin, Vkey string
	Previous                  struct {
		Origin, Vkey, Root string
		Size               int64
	}
}

// isLater says whether a shard goes on with another one. Such a one stands alone where it lies outside of its log.
func (found checked) isLater() bool {
	var first handOver
	return len(found.ends) > 0 && json.Unmarshal(found.ends[0], &first) == nil && first.Previous.Vkey != ""
}

// next is the shard after this one, when there is one. Both must name each other.
func (older checked) next(base string) (*checked, error) {
	var last, first handOver
	if len(older.ends) == 0 || json.Unmarshal(older.ends[1], &last) != nil || last.Type != "rotated" {
		return nil, nil
	}
	newer, err := checkShard(filepath.Join(base, "shards", filepath.Base(last.Shard)), last.Vkey)
	if err != nil {
		return nil, fmt.Errorf("shard %s: %v", last.Shard, err)
	}
	if len(newer.ends) == 0 {
		return nil, fmt.Errorf("shard %s is empty", last.Shard)
	}
	if err := json.Unmarshal(newer.ends[0], &first); err != nil {
		return nil, err
	}
	name := strings.SplitN(older.vkey, "+", 2)[0]
	root := base64.RawURLEncoding.EncodeToString(older.tree.Hash[:])
	said := first.Previous
	if first.Type != "genesis" || first.Origin != last.Origin || last.Origin != strings.SplitN(last.Vkey, "+", 2)[0] ||
		said.Origin != name || said.Vkey != older.vkey || said.Size != older.tree.N || said.Root != root {
		return nil, fmt.Errorf("shard %s does not go on where the one before it ends", last.Shard)
	}
	return &newer, nil
}

func (q question) check() (string, error) {
	shard, err := checkShard(q.Log, q.Vkey)
	if err != nil {
		return "", err
	}
	if err := q.checkOlder(shard); err != nil {
		return "", err
	}
	// The later shards lie below the first one.
	base := q.Log
	if filepath.Base(filepath.Dir(base)) == "shards" {
		base = filepath.Dir(filepath.Dir(base))
	}
	size, tiles, shards := shard.tree.N, shard.tiles, 1
	for base != q.Log || !shard.isLater() {
		newer, err := shard.next(base)
		if err != nil {
			return "", err
		}
		if newer == nil {
			break
		}
		shard = *newer
		size, tiles, shards = size+shard.tree.N, tiles+shard.tiles, shards+1
	}
	if len(q.Witnesses) > 0 {
		text, err := readFile(filepath.Join(shard.folder, "checkpoint"))
		if err != nil {
			return "", err
		}
		if err := requireWitnesses(text, shard.vkey, q.Witnesses, q.Quorum); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d %d %s %d", size, tiles, shard.tree.Hash, shards), nil
}

// checkOlder checks the receipt and the older checkpoint of a shard that was checked.
func (q question) checkOlder(shard checked) error {
	if q.Receipt != "" {
		text, err := readFile(q.Receipt)
		if err != nil {
			return err
		}
		then, err := checkReceipt(string(text), q.Vkey)
		if err != nil {
			return fmt.Errorf("receipt: %v", err)
		}
		if err := checkGrowth(then, shard.tree, shard.hashes); err != nil {
			return fmt.Errorf("receipt of another history: %v", err)
		}
	}
	if q.Old != "" {
		text, err := readFile(q.Old)
		if err != nil {
			return err
		}
		then, err := open(text, q.Vkey)
		if err != nil {
			return err
		}
		if err := checkGrowth(then, shard.tree, shard.hashes); err != nil {
			return fmt.Errorf("older checkpoint: %v", err)
		}
	}
	return nil
}

// answerEach answers questions from standard input: "+" and the result, or "-" and why not.
func answerEach() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q question
		result, err := "", json.Unmarshal(lines.Bytes(), &q)
		if err == nil {
			result, err = q.check()
		}
		if err != nil {
			fmt.Printf("-%s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("+%s\n", result)
		}
	}
}

func main() {
	var q question
	each := flag.Bool("each", false, "answer questions from standard input")
	witnesses := flag.String("witness", "", "verifier keys of witnesses, with blanks between")
	flag.StringVar(&q.Log, "log", "", "folder of the log")
	flag.StringVar(&q.Vkey, "vkey", "", "verifier key of the log")
	flag.StringVar(&q.Receipt, "receipt", "", "a .tlog-proof file")
	flag.StringVar(&q.Old, "old", "", "an older checkpoint")
	flag.IntVar(&q.Quorum, "quorum", 0, "how many of the witnesses must have cosigned; all, unless given")
	flag.Parse()
	if *each {
		answerEach()
		return
	}
	q.Witnesses = strings.Fields(*witnesses)
	if q.Quorum == 0 {
		q.Quorum = len(q.Witnesses)
	}
	result, err := q.check()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(result)
}
