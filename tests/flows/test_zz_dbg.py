import asyncio, gc, sys, time
from gateway.app import start
from tests.fixtures.whole import *
async def test_x(database_url, database_admin, tmp_path):
    name = database_url.rpartition("/")[2]
    def q(): return [r for r in database_admin.execute("SELECT pid, state, datname, backend_start::time, left(query,50), wait_event, backend_type FROM pg_stat_activity WHERE (datname = %s or datname is null) and backend_type not in ('autovacuum launcher','logical replication launcher','checkpointer','background writer','walwriter','io worker')", (name,))]
    print("before", q())
    for n in range(60):
        gateway = await start(settings(database_url, tmp_path))
        await asyncio.sleep(0.001*(n%15))
        await gateway.stop(delay=0, grace=2)
        del gateway
        gc.collect()
        await asyncio.sleep(0.1)
        if q():
            print(n, q())
            await asyncio.sleep(1); gc.collect(); print("later", q())
            for o in gc.get_objects():
                if type(o).__name__ in ("PGconn","AsyncConnection"):
                    print(type(o), getattr(o,'status',None), [ (type(r), str(r)[:200]) for r in gc.get_referrers(o)][:6])
            for t in asyncio.all_tasks(): print(t.get_name(), t.get_coro())
            break
