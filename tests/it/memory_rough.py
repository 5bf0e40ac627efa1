import gc, multiprocessing, os, signal, subprocess, sys, threading, time
def child(n): return sum(len(bytearray(i)) for i in range(0, n, 1000))
def threads():
    out = []
    def work():
        for i in range(200): out.append(len([bytearray(1000) for _ in range(100)]))
    ts = [threading.Thread(target=work) for _ in range(6)]
    [t.start() for t in ts]; [t.join() for t in ts]
    print("threads", sum(out))
def mp(kind):
    c = multiprocessing.get_context(kind)
    with c.Pool(2) as pool: print(kind, pool.map(child, [100000, 200000]))
def storm():
    stop = []
    def work():
        while not stop: [bytearray(5000) for _ in range(200)]
    ts = [threading.Thread(target=work) for _ in range(3)]
    [t.start() for t in ts]
    codes = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            x = [bytearray(100000) for _ in range(50)]
            os._exit(7)
        codes.append(os.waitpid(pid, 0)[1])
    stop.append(1); [t.join() for t in ts]
    print("storm", set(codes))
def recursion(n): return [bytearray(2000)] + recursion(n - 1) if n else []
class Final:
    def __del__(self): self.x = [bytearray(3000) for _ in range(50)]
def main():
    threads(); mp("fork"); mp("spawn"); mp("forkserver"); storm()
    print("recursion", len(recursion(900)))
    for _ in range(300):
        a = Final(); a.me = a
    del a
    print("gc", gc.collect() > 0)
    try: bytearray(1 << 48)
    except MemoryError: print("memory error")
    x = bytearray(10)
    try: x.extend(bytes(1)*0); x *= (1 << 47)
    except MemoryError: print("memory error 2", len(x))
    print(subprocess.run([sys.executable, "-c", "print(len(bytearray(10**6)))"], stdout=subprocess.PIPE).stdout)
    print(subprocess.run(["ls", "/proc/self/exe"], stdout=subprocess.PIPE).stdout)
    p = subprocess.Popen([sys.executable, "-c", "import os,signal; x=[bytearray(9999) for _ in range(5000)]; os.kill(os.getpid(), signal.SIGKILL)"]); print("killed", p.wait())
    p = subprocess.Popen([sys.executable, "-c", "import os; x=[bytearray(9999) for _ in range(5000)]; os.abort()"]); print("aborted", p.wait())
    import mmap
    m = mmap.mmap(-1, 4 << 20); m[0] = 1; m.close(); print("mmap")
    def forever():
        while True: [bytearray(3000) for _ in range(50)]
    threading.Thread(target=forever, daemon=True).start()
    import zlib
    def forever2():
        d = os.urandom(200000)
        while True: zlib.compress(d, 1)
    threading.Thread(target=forever2, daemon=True).start()
    time.sleep(0.05)
    sys.exit(5)
if __name__ == "__main__": main()
