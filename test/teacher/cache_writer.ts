// A process of its own that fills a cache: node --import tsx cache_writer.ts FOLDER.
import { cachedTeacher } from "../../src/teacher/cached_teacher.ts";
import { CACHE_SIZE, cacheSamples, countingTeacher } from "./cache_fixture.ts";

const teacher = cachedTeacher(countingTeacher().teacher, { folder: process.argv[2] });
for (const sample of await cacheSamples()) await teacher.maps(sample, CACHE_SIZE);
