import './faults.mjs'
import '/hybridge/dist/worker.js'
